/** What the panel shows: the notebook in front, and this machine's environments. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Event as Bus } from '@jupyterlab/services';
import type { VDomRenderer } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';

import { asError, Client, IsoRequestError } from './client';
import { NotebookModel } from './notebook';
import type { Environment, Overview, OverviewRow } from './results';
import { BusEvent, IsoErrorJson, SCHEMA_ID, VerbName } from './wire';

/** The environments of this machine, and what was asked of them. */
export interface MachineView {
  overview: Overview | null;
  environments: Environment[];
  selected: string[];
  sort: string;
  filter: string;
  busy: boolean;
  error: IsoErrorJson | null;
}

/** Follows the notebook in front. One for each page; every open notebook has its own `NotebookModel` below it. */
export class PanelModel implements VDomRenderer.IModel {
  constructor(
    private readonly tracker: INotebookTracker,
    readonly client: Client,
    events: Bus.IManager
  ) {
    events.stream.connect(this.heard, this);
    tracker.currentChanged.connect(this.tell, this);
    tracker.widgetAdded.connect((_, panel) => void this.of(panel));
    tracker.forEach(panel => void this.of(panel));
  }

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

  get machine(): MachineView {
    return this.seen;
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

  /** Look at this machine's environments again. */
  async look(): Promise<void> {
    await this.ask(async () => {
      const [overview, list] = await Promise.all([
        this.client.verb('overview'),
        this.client.verb('env-list')
      ]);
      this.show({
        overview: overview.result as unknown as Overview,
        environments: (list.result?.environments ?? []) as Environment[]
      });
    });
  }

  /** Delete environments by their keys. */
  async clean(keys: string[]): Promise<void> {
    await this.act('clean', { keys });
    this.show({ selected: [] });
  }

  /** Do a slow verb that is about no notebook, to its end, and look again. */
  async act(verb: VerbName, values: Record<string, unknown>): Promise<void> {
    await this.ask(async () => {
      const { key } = await this.client.verb(verb, values);
      for (let over = !key; !over; ) {
        const job = await this.client.job(key as string);
        over = job.state !== 'running';
        if (job.state === 'failed' && job.error) {
          throw new IsoRequestError(job.error, 0);
        }
        if (!over) {
          await new Promise(resolve => setTimeout(resolve, 500));
        }
      }
    });
    if (!this.seen.error) {
      await this.look();
    }
  }

  /** Ask for a notebook of the overview to be opened. */
  open(row: OverviewRow): void {
    if (row.exists) {
      this.asked.emit(row.path);
    }
  }

  /** Change what is selected, sorted by or filtered. */
  show(part: Partial<MachineView>): void {
    this.seen = { ...this.seen, ...part };
    this.tell();
  }

  private async ask(work: () => Promise<void>): Promise<void> {
    this.show({ busy: true, error: null });
    try {
      await work();
    } catch (error) {
      this.show({ error: asError(error) });
    }
    this.show({ busy: false });
  }

  private heard(_: unknown, emission: Bus.Emission): void {
    if (emission.schema_id !== SCHEMA_ID) {
      return;
    }
    const event = emission as unknown as BusEvent;
    if (event.phase === 'kernels') {
      this.kernels.emit();
    }
    for (const model of this.models.values()) {
      model.take(event);
    }
  }

  private tell(): void {
    if (!this.disposed) {
      this.changed.emit();
    }
  }

  private seen: MachineView = {
    overview: null,
    environments: [],
    selected: [],
    sort: 'used',
    filter: '',
    busy: false,
    error: null
  };
  private disposed = false;
  private readonly models = new Map<NotebookPanel, NotebookModel>();
  private readonly changed = new Signal<this, void>(this);
  private readonly asked = new Signal<this, string>(this);
  private readonly kernels = new Signal<this, void>(this);
}
