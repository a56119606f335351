/** One open notebook: follows its kernel, its file and its jobs, holds what it is told, and tells of changes. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { asError, Client, IsoRequestError } from './client';
import { documentOf, isOurs, placeAmong } from './document';
import type { Inspect, Job } from './results';
import { initial, Input, NotebookState, reduce } from './state';
import { NOTHING, NOTHING_KNOWN, View } from './view';
import type { BusEvent, Event } from './wire';

/** What the model needs of a notebook's panel. */
export interface Open {
  context: Pick<
    DocumentRegistry.IContext<INotebookModel>,
    'path' | 'pathChanged' | 'saveState' | 'model' | 'save' | 'ready'
  >;
  sessionContext: ISessionContext;
}

/** How often a job is asked for while the event bus says nothing (milliseconds). */
const PATIENCE = 2000;

/** How long a page has for an edit that was announced to several (milliseconds). */
const TURN = 3000;

/** Follows one notebook. Where the notebook is none of ours it asks only what jobs it had. */
export abstract class Watching implements IDisposable {
  constructor(
    protected readonly open: Open,
    protected readonly client: Client
  ) {
    this.refresher = new Debouncer(() => this.look(), 250);
    const { context, sessionContext } = open;
    context.pathChanged.connect(this.moved, this);
    context.saveState.connect(this.saved, this);
    sessionContext.kernelChanged.connect(this.kernelChanged, this);
    this.begun = Promise.all([context.ready, sessionContext.ready]).then(() =>
      this.begin()
    );
  }

  /** Resolves when what happened before this page was loaded is known. */
  readonly begun: Promise<void>;

  /** Emitted when `state` or `view` has changed. */
  get stateChanged(): ISignal<this, void> {
    return this.changed;
  }

  get state(): NotebookState {
    return this.known;
  }

  get view(): View {
    return this.seen;
  }

  /** The notebook's path in the contents API. */
  get path(): string {
    return this.open.context.path;
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  dispose(): void {
    if (!this.disposed) {
      this.disposed = true;
      this.refresher.dispose();
      Signal.clearData(this);
    }
  }

  /** Take an event of the bus that is about this notebook or one of its jobs. */
  take(event: BusEvent): void {
    const { job, path, kernel_id: kernel } = event;
    const about = path
      ? path === this.path
      : Boolean(kernel) && kernel === this.open.sessionContext.session?.kernel?.id;
    if (!about && !(job && job in this.known.jobs)) {
      return;
    }
    this.put({ type: 'event', event });
    if (event.phase === 'edit') {
      void this.takeInTurn();
    } else if (job) {
      this.nudges.get(job)?.();
    } else if (['ready', 'failed'].includes(this.ends(event))) {
      this.refresh();
    }
  }

  /**
   * Put the edits that wait for this page into the open notebook: of other places (a terminal, a cell), and of a page
   * that went away before it had its answer. Those that were `taken` are there.
   */
  protected abstract takeEdits(taken?: string[]): Promise<void>;

  /**
   * Of several pages that share one document the first takes what was announced to all of them: the others find it
   * there when their turn comes, for the same text that two put in at once would be there twice.
   */
  private async takeInTurn(): Promise<void> {
    const place = placeAmong(this.open.context.model.sharedModel);
    if (place > 0) {
      await pause(place * TURN);
    }
    await this.takeEdits();
  }

  /** Look again soon; many calls are one. */
  refresh(): void {
    if (!this.disposed) {
      this.refresher.invoke().catch(() => undefined); // disposed meanwhile
    }
  }

  private async begin(): Promise<void> {
    if (this.disposed) {
      return;
    }
    this.open.context.model.sharedModel.changed.connect(this.edited, this);
    this.judge();
    this.refresh();
    await this.recall();
    if (this.known.ours) {
      await this.takeEdits();
    }
  }

  /** What went on before this page was loaded: jobs, and the log of the last build. */
  private async recall(): Promise<void> {
    try {
      const jobs = await this.client.jobs();
      for (const job of jobs.filter(job => job.path === this.path).reverse()) {
        this.put({ type: 'job', job, since: 0 });
        if (job.state === 'running') {
          void this.resume(job);
        }
      }
    } catch {
      // The look that follows tells what is wrong.
    }
  }

  /** The log of the build that was begun before this page was loaded, or of the last one. */
  private async remember({ prefix, state }: Inspect): Promise<void> {
    // The log of a build that was killed has no end: it is news only while the kernel has not started.
    const starting = this.open.sessionContext.session?.kernel?.status === 'starting';
    if (this.remembered || (!prefix && (!starting || state === 'not-approved'))) {
      return;
    }
    this.remembered = true;
    const events = prefix
      ? (await this.client.log(prefix.key)).events
      : (await this.client.verb('log', {}, { path: this.path })).result?.events;
    this.put({ type: 'history', events: (events ?? []) as Event[] });
  }

  /** Follow a job of a page that was reloaded; what it made waits, and is put into the notebook as it is now. */
  private async resume(job: Job): Promise<void> {
    try {
      const result = await this.follow(job.key);
      if (result && !job.dry) {
        await this.takeEdits();
      }
      if (job.verb === 'isolate' && result?.written) {
        await this.isolated();
      }
    } catch (error) {
      this.show({ error: asError(error) });
    }
    this.refresh();
  }

  /** The result of a job when it is done, null where it was cancelled; throws its error. */
  protected async follow(key: string): Promise<Record<string, unknown> | null> {
    for (;;) {
      const since = this.known.jobs[key]?.events.length ?? 0;
      const told = new Promise<void>(resolve => this.nudges.set(key, resolve));
      const job = await this.client.job(key, since);
      this.put({ type: 'job', job, since });
      if (job.state !== 'running' || this.disposed) {
        this.nudges.delete(key);
        if (job.state === 'failed' && job.error) {
          throw new IsoRequestError(job.error, 0);
        }
        return job.state === 'done' ? (job.result ?? {}) : null;
      }
      await Promise.race([told, pause(PATIENCE)]);
      await pause(150); // what comes at once is asked for once
    }
  }

  /** The notebook declares what it needs: it runs on its own environment from now on. */
  protected async isolated(): Promise<void> {
    await this.open.sessionContext.changeKernel({ name: 'iso' });
  }

  private async look(): Promise<void> {
    this.judge();
    if (!this.known.ours || this.disposed) {
      return;
    }
    const { model } = this.open.context;
    // What is saved is read from the file: only a changed notebook has to travel.
    const document = model.dirty ? documentOf(model.sharedModel) : undefined;
    const path = this.path;
    try {
      const { result } = await this.client.verb('inspect', {}, { path, document });
      if (path !== this.path || !result) {
        return; // it was renamed meanwhile
      }
      const inspect: Inspect = { ...NOTHING_KNOWN, ...result };
      this.put({ type: 'inspect', inspect });
      if (inspect.state === 'not-approved' && !this.known.review) {
        this.put({ type: 'review', review: await this.client.review(path) });
      } else if (inspect.state !== 'not-approved' && this.known.review) {
        this.put({ type: 'review', review: null });
      }
      await this.remember(inspect).catch(() => undefined); // no log is no error
    } catch (error) {
      this.put({ type: 'error', error: asError(error) });
    }
  }

  private judge(): void {
    const { context, sessionContext } = this.open;
    const shared = context.model.sharedModel;
    const named = shared.getMetadata('kernelspec') as
      | { name?: string }
      | undefined;
    const kernel =
      sessionContext.session?.kernel?.name ??
      (sessionContext.kernelPreference.name || named?.name || '');
    this.put({ type: 'notebook', ours: isOurs(shared, kernel) });
  }

  private ends(event: BusEvent): string {
    if (event.error) {
      return 'failed';
    }
    return event.phase === 'launch' || event.text === 'ready' ? 'ready' : '';
  }

  protected put(input: Input): void {
    const next = reduce(this.known, input);
    if (next !== this.known) {
      this.known = next;
      this.tell();
    }
  }

  protected show(part: Partial<View>): void {
    this.seen = { ...this.seen, ...part };
    this.tell();
  }

  private tell(): void {
    if (!this.disposed) {
      this.changed.emit();
    }
  }

  private moved(): void {
    this.refresh();
  }

  private saved(_: unknown, state: DocumentRegistry.SaveState): void {
    if (state === 'completed') {
      this.refresh();
    }
  }

  private kernelChanged(): void {
    this.show({ restart: false });
    this.refresh();
  }

  /** The metadata of an open notebook has changed: what it asks may have. */
  private edited(_: unknown, change: { metadataChange?: unknown }): void {
    if (change.metadataChange !== undefined) {
      this.refresh();
    }
  }

  private known = initial();
  private seen = NOTHING;
  private disposed = false;
  private remembered = false;
  private readonly refresher: Debouncer;
  private readonly nudges = new Map<string, () => void>();
  private readonly changed = new Signal<this, void>(this);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
