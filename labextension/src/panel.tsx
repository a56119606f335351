/** The side bar's panel: which sections there are, and what each is given. It decides nothing and asks nothing. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button, ReactWidget, refreshIcon, UseSignal } from '@jupyterlab/ui-components';
import type { ReactElement, ReactNode } from 'react';

import {
  Changed,
  Empty,
  ErrorLines,
  LogView,
  Packages,
  Preview,
  Progress,
  ReviewView,
  RunsOn,
  Section,
  Why,
  Widgets
} from './components';
import { Actions } from './actions';
import type { PageFrontends } from './frontends';
import { kernelIsoIcon } from './icons';
import type { Imported } from './imported';
import { Machine, Named } from './machine';
import type { PanelModel } from './model';
import type { NotebookModel } from './notebook';
import { Plain } from './plain';
import type { Saves } from './saves';
import { failure, log, newest, progress, status } from './state';

/** The sections that are closed until a person opens them. */
const CLOSED = ['why', 'log', 'named', 'machine'];

/** The panel. `keep` is called with the names of the closed sections when a person opens or closes one. */
export class EnvironmentPanel extends ReactWidget {
  constructor(
    private readonly model: PanelModel,
    private readonly trans: TranslationBundle,
    private readonly keep: (closed: string[]) => void,
    private readonly lockHere: () => Record<string, unknown>,
    private readonly page: PageParts
  ) {
    super();
    page.frontends.changed.connect(this.update, this);
    page.imported.changed.connect(this.update, this);
    page.saves.changed.connect(this.update, this);
    this.id = 'kernel-iso-panel';
    this.addClass('jp-kernelIso-panel');
    this.title.icon = kernelIsoIcon;
    this.title.caption = trans.__('Environment of the notebook');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Environment of the notebook'));
  }

  /** Close these sections and open all others, as they were when the page was left. */
  restore(closed: string[]): void {
    this.closed = closed;
    this.update();
  }

  /** Who opens it by the keyboard goes on in it: Tab leads to its first control. */
  protected onActivateRequest(): void {
    // The palette gives the focus back to where it was, after the command.
    requestAnimationFrame(() => this.node.focus());
  }

  /** Who looks wants to know what the kernel has imported, and what a save does. */
  protected onAfterShow(): void {
    this.page.imported.refresh();
    void this.page.saves.look();
  }

  protected render(): ReactElement {
    const { model, trans, lockHere, page } = this;
    const onClosed = (closed: string[]) => {
      this.restore(closed);
      this.keep(closed);
    };
    return (
      <UseSignal signal={model.stateChanged}>
        {() => (
          <Panel {...{ model, trans, closed: this.closed, onClosed, lockHere, page }} />
        )}
      </UseSignal>
    );
  }

  private closed = CLOSED;
}

/** What is known of a whole page: front ends that it holds, what its kernels have imported, and what its saves do. */
export interface PageParts {
  frontends: PageFrontends;
  imported: Imported;
  saves: Saves;
}

interface PanelProps {
  page: PageParts;
  model: PanelModel;
  trans: TranslationBundle;
  closed: string[];
  onClosed: (closed: string[]) => void;
  lockHere: () => Record<string, unknown>;
}

function Panel({ model, trans, closed, onClosed, lockHere, page }: PanelProps): ReactElement {
  const section = (name: string, title: string, children: ReactNode, badge?: string) => (
    <Section
      key={name}
      title={title}
      badge={badge}
      open={!closed.includes(name)}
      onToggle={() =>
        onClosed(
          closed.includes(name)
            ? closed.filter(other => other !== name)
            : [...closed, name]
        )
      }
    >
      {children}
    </Section>
  );
  const notebook = model.current;
  return (
    <div className="jp-kernelIso-sections">
      {notebook ? (
        <Notebook
          {...{ notebook, trans, section, lockHere, page }}
          goTo={(notebook, index) => model.goTo(notebook, index)}
        />
      ) : (
        <Empty
          title={trans.__('No notebook in front')}
          text={trans.__('Open a notebook to see what it runs on.')}
        />
      )}
      {section(
        'named',
        trans.__('Named environments'),
        closed.includes('named') ? null : <Named model={model} trans={trans} />
      )}
      {section(
        'machine',
        trans.__('On this machine'),
        closed.includes('machine') ? null : <Machine model={model} trans={trans} />
      )}
    </div>
  );
}

interface NotebookProps {
  page: PageParts;
  notebook: NotebookModel;
  trans: TranslationBundle;
  section: (name: string, title: string, children: ReactNode, badge?: string) => ReactElement;
  lockHere: () => Record<string, unknown>;
  goTo: (notebook: NotebookModel, index: number) => void;
}

/** One notebook: its review where it waits for one, else the four questions. */
function Notebook(props: NotebookProps): ReactElement {
  const { notebook, trans } = props;
  const { state, view } = notebook;
  const now = status(state);
  const head = (
    <>
      <Head {...{ notebook, trans }} />
      {view.error && <ErrorLines error={view.error} trans={trans} />}
    </>
  );
  if (now === 'plain') {
    return (
      <>
        {head}
        <Plain {...props} />
      </>
    );
  }
  if (now === 'review' && !view.later) {
    const review = state.review;
    return !review ? (
      head
    ) : (
      <>
        {head}
        <ReviewView
          review={review}
          versions={review.versions}
          busy={view.busy}
          onSeeVersions={() => void notebook.review(true)}
          onApprove={event => void notebook.approve(event, review)}
          onNotNow={() => notebook.putOff()}
          onPlain={() => void notebook.plain()}
          trans={trans}
        />
      </>
    );
  }
  return (
    <>
      {head}
      {now === 'review' && (
        <div className="jp-kernelIso-notice" role="status">
          <span>{trans.__('Its review was put off: nothing was installed.')}</span>
          <Button small className="jp-mod-styled jp-mod-accept" onClick={() => notebook.takeUp()}>
            {trans.__('Review…')}
          </Button>
        </div>
      )}
      <Questions {...props} />
    </>
  );
}

function Head({ notebook, trans }: { notebook: NotebookModel; trans: TranslationBundle }): ReactElement {
  const { state, view } = notebook;
  const at = progress(state);
  // What waits for its review says so itself.
  const failed = status(state) === 'failed' && (failure(state) ?? state.error);
  return (
    <>
      <div className="jp-kernelIso-head">
        <span className="jp-kernelIso-headTitle" title={notebook.path}>
          {notebook.path.split('/').pop()}
        </span>
        <Button
          minimal
          small
          className="jp-kernelIso-refresh"
          title={trans.__('Look again')}
          aria-label={trans.__('Look again')}
          onClick={() => notebook.refresh()}
        >
          <refreshIcon.react tag="span" />
        </Button>
      </div>
      {at && <Progress progress={at} onCancel={() => void notebook.cancel()} trans={trans} />}
      {!at && failed && (
        <ErrorLines error={failed} onRetry={() => void notebook.restart()} trans={trans} />
      )}
      {!at && view.restart && (
        <div className="jp-kernelIso-notice" role="status">
          <span>{trans.__('The running kernel still has the environment of before.')}</span>
          <Button small className="jp-mod-styled jp-mod-accept" onClick={() => void notebook.restart()}>
            {trans.__('Restart Kernel')}
          </Button>
        </div>
      )}
    </>
  );
}

function Questions({ notebook, trans, section, lockHere, page }: NotebookProps): ReactElement {
  const { state, view } = notebook;
  const { inspect } = state;
  if (!inspect) {
    return <Empty title={trans.__('Looking')} text={trans.__('Reading what this notebook asks for.')} />;
  }
  const { busy, preview } = view;
  const differing = inspect.drift.length + inspect.machine_drift.length;
  const job = progress(state)?.job || newest(state);
  const widgets = page.frontends.of(notebook);
  const absent = widgets.offers.filter(item => item.state !== 'here').length;
  return (
    <>
      {preview && (
        <Preview
          action={preview.values.redo ? 'redo' : preview.action}
          changes={preview.changes}
          busy={busy}
          onApply={() => void notebook.apply()}
          onCancel={() => notebook.drop()}
          trans={trans}
        />
      )}
      {section('runs-on', trans.__('What it runs on'), <RunsOn inspect={inspect} trans={trans} />)}
      {section(
        'packages',
        trans.__('Packages'),
        <Packages
          rows={inspect.rows}
          names={view.names}
          found={view.found ?? undefined}
          searching={view.searching}
          busy={busy}
          onSearch={name => void notebook.search(name)}
          onComplete={prefix => void notebook.complete(prefix)}
          onPreview={(action, packages) => void notebook.preview(action, { packages })}
          trans={trans}
        />
      )}
      {(widgets.offers.length > 0 || widgets.error) &&
        section(
          'widgets',
          trans.__('Widgets'),
          <Widgets
            widgets={widgets}
            onLoad={event => void page.frontends.load(notebook, event.nativeEvent)}
            trans={trans}
          />,
          absent ? String(absent) : undefined
        )}
      {section(
        'changed',
        trans.__('What changed'),
        <Changed
          // Before it is made there is nothing that could agree.
          rows={inspect.prefix ? inspect.rows : []}
          imported={page.imported.of(notebook)}
          drift={inspect.drift}
          machineDrift={inspect.machine_drift}
          trans={trans}
        />,
        differing ? String(differing) : undefined
      )}
      {section('why', trans.__('Why'), <Why reasons={inspect.plan.reasons ?? []} trans={trans} />)}
      {section(
        'do',
        trans.__('Environment'),
        <Actions {...{ notebook, trans, lockHere }} note={page.saves.text} />
      )}
      {section('log', trans.__('Log'), <LogView events={log(state, job)} trans={trans} />)}
    </>
  );
}
