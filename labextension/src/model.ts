/** What the panel shows: the notebook in front, and this machine's environments. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Event as Bus } from '@jupyterlab/services';
import type { VDomRenderer } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';

import type { Client } from './client';
import { Environments } from './environments';
import { NotebookModel } from './notebook';
import type { OverviewRow } from './results';
import { BusEvent, SCHEMA_ID } from './wire';

/** Follows the notebook in front. One for each page; every open notebook has its own `NotebookModel` below it. */
export class PanelModel implements VDomRenderer.IModel {
  constructor(
    private readonly tracker: INotebookTracker,
    readonly client: Client,
    events: Bus.IManager
  ) {
    this.machine = new Environments(client);
    this.machine.changed.connect(this.tell, this);
    events.stream.connect(this.heard, this);
    tracker.currentChanged.connect(this.tell, this);
    tracker.widgetAdded.connect((_, panel) => void this.of(panel));
    tracker.forEach(panel => void this.of(panel));
  }

  /** The environments of this machine. */
  readonly machine: Environments;

  /** Emitted when anything that is shown has changed. */
  get stateChanged(): ISignal<this, void> {
    return this.changed;
  }

  /** Emitted when a person wants to open a notebook of the overview. */
  get openAsked(): ISignal<this, string> {
    return this.asked;
  }

  /** Emitted when the list of kernels on the server has changed. */
  get kernelsChanged(): ISignal<this, void> {
    return this.kernels;
  }

  /** The notebook in front, null where none is open. */
  get current(): NotebookModel | null {
    const panel = this.tracker.currentWidget;
    return panel ? this.of(panel) : null;
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  dispose(): void {
    if (!this.disposed) {
      this.disposed = true;
      Signal.clearData(this);
      for (const model of this.models.values()) {
        model.dispose();
      }
    }
  }

  /** The model of an open notebook: the same one as long as it is open. */
  of(panel: NotebookPanel): NotebookModel {
    const known = this.models.get(panel);
    if (known) {
      return known;
    }
    const made = new NotebookModel(panel, this.client);
    this.models.set(panel, made);
    made.stateChanged.connect(this.tell, this);
    panel.disposed.connect(() => {
      this.models.delete(panel);
      made.dispose();
    });
    return made;
  }

  /** Ask for a notebook of the overview to be opened. */
  open(row: OverviewRow): void {
    if (row.exists && row.served) {
      this.asked.emit(row.served);
    }
  }

  /** Bring a cell of an open notebook into view; `index` is its place among all cells. */
  goTo(notebook: NotebookModel, index: number): void {
    const panel = this.tracker.find(panel => this.models.get(panel) === notebook);
    if (panel && index < panel.content.widgets.length) {
      panel.content.activeCellIndex = index;
      void panel.content.scrollToItem(index);
    }
  }

  private heard(_: unknown, emission: Bus.Emission): void {
    if (emission.schema_id !== SCHEMA_ID) {
      return;
    }
    const event = emission as unknown as BusEvent;
    if (event.phase === 'kernels') {
      this.kernels.emit();
    }
    this.machine.take(event);
    for (const model of this.models.values()) {
      model.take(event);
    }
  }

  private tell(): void {
    if (!this.disposed) {
      this.changed.emit();
    }
  }

  private disposed = false;
  private readonly models = new Map<NotebookPanel, NotebookModel>();
  private readonly changed = new Signal<this, void>(this);
  private readonly asked = new Signal<this, string>(this);
  private readonly kernels = new Signal<this, void>(this);
}
