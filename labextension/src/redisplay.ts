/**
 * Shows widgets again that were displayed before their front end was there.
 *
 * ipywidgets puts an error in the place of a model that it cannot make, for good: the kernel's half is alive, and nobody
 * in the page answers for it. Here the page's half is made anew from the kernel's state. Some of what that takes is not
 * ipywidgets' or JupyterLab's public interface: where it is not there, nothing is done, and the cells have to run again.
 */

import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Widget } from '@lumino/widgets';

import { container } from './federated';
import { MANAGER } from './frontends';

const VIEW = 'application/vnd.jupyter.widget-view+json';

/** How long a notebook's widget manager may take (milliseconds). */
const PATIENCE = 5000;

/** The widget manager of a notebook, as far as it is used. */
interface Manager {
  has_model(id: string): boolean;
  get_model(id: string): Promise<{ comm?: unknown; get(key: string): unknown }>;
  restoreWidgets(notebook: unknown, parts: object): Promise<void>;
  _models?: Record<string, unknown>;
}

/** The outputs of a cell of code. */
interface Outputs {
  model: { length: number; get(place: number): { data: Record<string, unknown> } };
  widgets: readonly Widget[];
}

type Renderer = Widget & { renderModel(output: object): Promise<void> };

interface Comms {
  _comms?: Map<string, { dispose(): void }>;
}

/** Make the widgets of a notebook anew that could not be made; false where some of them were left as they are. */
export async function redisplay(panel: NotebookPanel): Promise<boolean> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    return true;
  }
  const answer = await kernel.requestCommInfo({ target_name: 'jupyter.widget' });
  const ids = answer.content.status === 'ok' ? Object.keys(answer.content.comms) : [];
  if (!ids.length) {
    return true;
  }
  const manager = await managerOf(panel);
  const comms = (kernel as Comms)._comms;
  if (!manager?._models || !comms) {
    return false;
  }
  const broken: string[] = [];
  for (const id of ids.filter(id => manager.has_model(id))) {
    const model = await manager.get_model(id).catch(() => null);
    if (!model?.comm || model.get('_view_name') === 'ErrorWidgetView') {
      broken.push(id);
    }
  }
  for (const id of broken) {
    comms.get(id)?.dispose();
    delete manager._models[id];
  }
  const parts = { loadKernel: true, loadNotebook: false };
  await manager.restoreWidgets(panel.context.model, parts);
  await draw(panel, new Set(broken));
  return broken.every(id => manager.has_model(id));
}

/** The manager of a notebook's widgets: what ipywidgets hands to whoever shows a widget. */
async function managerOf(panel: NotebookPanel): Promise<Manager | null> {
  const module = (await container(MANAGER)?.get('./extension'))?.() as
    | { registerWidgetManager?: (...given: unknown[]) => void }
    | undefined;
  return new Promise(resolve => {
    const renderer = {
      set manager(found: Manager) {
        resolve(found);
      }
    };
    setTimeout(() => resolve(null), PATIENCE);
    if (module?.registerWidgetManager) {
      module.registerWidgetManager(panel.context, panel.content.rendermime, [renderer]);
    } else {
      resolve(null);
    }
  });
}

/** Draw the outputs that show one of these models. */
async function draw(panel: NotebookPanel, models: ReadonlySet<string>): Promise<void> {
  const areas = panel.content.widgets.flatMap(
    cell => (cell as { outputArea?: Outputs }).outputArea ?? []
  );
  for (const outputArea of areas) {
    for (let place = 0; place < outputArea.model.length; place++) {
      const output = outputArea.model.get(place);
      const shown = output.data[VIEW] as { model_id?: string } | undefined;
      if (!models.has(shown?.model_id ?? '')) {
        continue;
      }
      const renderer = find(outputArea.widgets[place]);
      if (renderer) {
        // Disposed, the old view would take the output's model with it.
        for (const child of [...renderer.children()]) {
          child.parent = null;
        }
        await renderer.renderModel(output);
      }
    }
  }
}

function find(widget: Widget | undefined): Renderer | null {
  if (!widget) {
    return null;
  }
  if ((widget as { mimeType?: string }).mimeType === VIEW) {
    return widget as Renderer;
  }
  for (const child of widget.children()) {
    const found = find(child);
    if (found) {
      return found;
    }
  }
  return null;
}
