/** The plugins, and nothing else: each is an arm's length of wiring. */

import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry, Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ChipWidget } from './chip';
import { Client } from './client';
import { addCommands, CommandIDs } from './commands';
import { FederatedPage } from './federated';
import { PageFrontends } from './frontends';
import { Imported } from './imported';
import { PanelModel } from './model';
import { EnvironmentPanel } from './panel';
import { redisplay } from './redisplay';
import { ReviewBanner } from './review';
import { Saves } from './saves';
import { DOMAIN, IPageFrontends, IPanelModel } from './tokens';
import { WidgetsBanner } from './widgets';

/** The key under which the page keeps which sections are closed. */
const CLOSED = 'kernel-iso:closed-sections';

/** The model that every other plugin shows. */
const model: JupyterFrontEndPlugin<PanelModel> = {
  id: 'kernel-iso:model',
  description: 'What is known of the environments of the open notebooks.',
  provides: IPanelModel,
  requires: [INotebookTracker],
  autoStart: true,
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker) => {
    const { serverSettings, events } = app.serviceManager;
    return new PanelModel(tracker, new Client(serverSettings), events);
  }
};

/** The panel in the side bar, and the commands. */
const panel: JupyterFrontEndPlugin<void> = {
  id: 'kernel-iso:panel',
  description: 'The side bar that shows and changes the environment of the notebook in front.',
  requires: [IPanelModel, IPageFrontends, INotebookTracker],
  optional: [ITranslator, ISettingRegistry, ILayoutRestorer, ICommandPalette, IStateDB],
  autoStart: true,
  activate: async (
    app: JupyterFrontEnd,
    model: PanelModel,
    frontends: PageFrontends,
    tracker: INotebookTracker,
    translator: ITranslator | null,
    registry: ISettingRegistry | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const settings = await registry?.load('kernel-iso:panel').catch(() => null);
    const lockHere = () => ({ beside: settings?.composite.lockInto === 'file' });
    const side = () => (settings?.composite.side === 'left' ? 'left' : 'right');
    const wanted = () => settings?.composite.lockOnSave !== false;
    const saves = new Saves(model.client, wanted, trans);
    const imported: Imported = new Imported(
      () => inFront(tracker, model),
      () => widget.isVisible
    );
    const follow = (panel: NotebookPanel) =>
      imported.follow(model.of(panel), panel.sessionContext);
    tracker.forEach(follow);
    tracker.widgetAdded.connect((_, panel) => follow(panel));
    tracker.currentChanged.connect(imported.refresh, imported);
    const widget = new EnvironmentPanel(
      model,
      trans,
      closed => void state?.save(CLOSED, closed),
      lockHere,
      { frontends, imported, saves }
    );
    // What is kept can be read only after every plugin has been activated: it is not waited for.
    void state?.fetch(CLOSED).then(closed => {
      if (Array.isArray(closed)) {
        widget.restore(closed as string[]);
      }
    });
    app.shell.add(widget, side(), { rank: 650 });
    settings?.changed.connect(() => {
      app.shell.add(widget, side(), { rank: 650 });
      void saves.set().then(told => told && Notification.warning(told, { autoClose: 10000 }));
    });
    restorer?.add(widget, widget.id);
    model.openAsked.connect((_, path) => {
      void app.commands.execute('docmanager:open', { path });
    });
    const show = () => {
      app.shell.activateById(widget.id);
    };
    addCommands(app, model, trans, show, lockHere, palette);
  }
};

/** The notebook in front, with the session that runs it. */
function inFront(tracker: INotebookTracker, model: PanelModel) {
  const panel = tracker.currentWidget;
  return panel && { model: model.of(panel), session: panel.sessionContext };
}

/** Widgets of environments: the front ends that this page lacks, and the line above a notebook that says so. */
const frontends: JupyterFrontEndPlugin<PageFrontends> = {
  id: 'kernel-iso:frontends',
  description: 'Loads the front ends of widgets out of an environment when a person wants it.',
  provides: IPageFrontends,
  requires: [IPanelModel, INotebookTracker],
  optional: [ITranslator],
  autoStart: true,
  activate: (
    app: JupyterFrontEnd,
    model: PanelModel,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const page = new FederatedPage(app, app.serviceManager.serverSettings);
    const frontends = new PageFrontends(model.client, page);
    const open = () => void app.commands.execute(CommandIDs.open);
    const add = (panel: NotebookPanel) => {
      const notebook = model.of(panel);
      frontends.follow(notebook, () => redisplay(panel));
      panel.disposed.connect(() => frontends.forget(notebook));
      panel.contentHeader.addWidget(
        new WidgetsBanner(frontends, notebook, trans, open)
      );
    };
    tracker.forEach(add);
    tracker.widgetAdded.connect((_, panel) => add(panel));
    return frontends;
  }
};

/** The chip in the toolbar of every notebook. */
const chip: JupyterFrontEndPlugin<void> = {
  id: 'kernel-iso:chip',
  description: 'The state of the environment in the toolbar of a notebook.',
  requires: [IPanelModel, IToolbarWidgetRegistry],
  optional: [ITranslator, ISettingRegistry],
  autoStart: true,
  activate: (
    app: JupyterFrontEnd,
    model: PanelModel,
    toolbars: IToolbarWidgetRegistry,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const open = () => void app.commands.execute(CommandIDs.open);
    const loaded = registry?.load('kernel-iso:chip').catch(() => null);
    toolbars.addFactory<NotebookPanel>(
      'Notebook',
      'kernel-iso-chip',
      notebook => {
        const widget = new ChipWidget(model.of(notebook), trans, open);
        void loaded?.then(settings => {
          const follow = () => widget.setHidden(settings?.composite.show === false);
          follow();
          settings?.changed.connect(follow);
          widget.disposed.connect(() => settings?.changed.disconnect(follow));
        });
        return widget;
      }
    );
  }
};

/** The line above a notebook that waits for its review. */
const review: JupyterFrontEndPlugin<void> = {
  id: 'kernel-iso:review',
  description: 'The line above a notebook that is not approved on this machine.',
  requires: [IPanelModel, INotebookTracker],
  optional: [ITranslator],
  autoStart: true,
  activate: (
    app: JupyterFrontEnd,
    model: PanelModel,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const open = () => void app.commands.execute(CommandIDs.open);
    const add = (notebook: NotebookPanel) => {
      notebook.contentHeader.addWidget(
        new ReviewBanner(model.of(notebook), trans, open)
      );
    };
    tracker.forEach(add);
    tracker.widgetAdded.connect((_, notebook) => add(notebook));
  }
};

/** A created environment is in the launcher at once: JupyterLab itself looks once a minute. */
const kernels: JupyterFrontEndPlugin<void> = {
  id: 'kernel-iso:kernels',
  description: 'Refreshes the list of kernels when an environment comes, goes or is renamed.',
  requires: [IPanelModel],
  autoStart: true,
  activate: (app: JupyterFrontEnd, model: PanelModel) => {
    model.kernelsChanged.connect(() => {
      void app.serviceManager.kernelspecs.refreshSpecs();
    });
  }
};

export default [model, frontends, panel, chip, review, kernels];
