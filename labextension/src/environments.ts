/** The environments of this machine: what is known of them, and what can be done with them. Errors are state. */

import { ISignal, Signal } from '@lumino/signaling';

import { asError, Client, IsoRequestError } from './client';
import type { Environment, Overview } from './results';
import { initial, Progress, progress, reduce } from './state';
import type { BusEvent, IsoErrorJson, VerbName } from './wire';

/** What is shown; `null` is what nobody has asked for. `refused` are the keys that a clean-up left, with the reasons. */
export interface EnvironmentsView {
  named: Environment[] | null;
  overview: Overview | null;
  looking: boolean;
  selected: string[];
  sort: string;
  filter: string;
  refused: [string, string][];
  freed: number | null;
  error: IsoErrorJson | null;
}

/** The jobs that are about no notebook. */
const OWN = ['env-create', 'env-clone', 'env-rename', 'env-remove', 'clean'];

/** How often a job is asked for while the event bus says nothing (milliseconds). */
const PATIENCE = 2000;

/** One for each page. It asks nothing before somebody looks. */
export class Environments {
  constructor(private readonly client: Client) {}

  /** Emitted when anything that is shown has changed. */
  get changed(): ISignal<this, void> {
    return this.told;
  }

  get view(): EnvironmentsView {
    return this.seen;
  }

  /** The step of what goes on, null where nothing does. */
  get progress(): Progress | null {
    return progress(this.jobs);
  }

  /** Ask for the named environments, and follow what another page or an earlier one has begun. */
  async list(): Promise<void> {
    const first = this.seen.named === null;
    try {
      const { result } = await this.client.verb('env-list');
      this.show({ named: (result?.environments ?? []) as Environment[] });
      for (const job of first ? await this.client.jobs() : []) {
        if (job.state === 'running' && OWN.includes(job.verb.replace(' ', '-'))) {
          void this.doing(() => this.follow(job.key));
        }
      }
    } catch (error) {
      this.show({ error: asError(error) });
    }
  }

  /** Measure everything on this machine. */
  async look(): Promise<void> {
    this.show({ looking: true });
    try {
      const { result } = await this.client.verb('overview');
      this.show({ overview: result as unknown as Overview });
    } catch (error) {
      this.show({ error: asError(error) });
    }
    this.show({ looking: false });
  }

  /** Look again at whatever somebody has looked at. */
  async again(): Promise<void> {
    const { named, overview } = this.seen;
    await Promise.all([named && this.list(), overview && this.look()]);
  }

  /** Make, clone, rename or remove a named environment. */
  async act(verb: VerbName, values: Record<string, unknown>): Promise<void> {
    await this.doing(() => this.ask(verb, values));
  }

  /** Delete what was selected; what stays is told with its reason. */
  async clean(keys: string[]): Promise<void> {
    await this.doing(async () => {
      const result = await this.ask('clean', { keys });
      this.show({
        selected: [],
        refused: (result?.refused ?? []) as [string, string][],
        freed: (result?.freed_bytes ?? null) as number | null
      });
    });
  }

  /** Cancel what goes on. */
  async cancel(): Promise<void> {
    try {
      await this.client.cancel(this.progress?.job ?? '');
    } catch (error) {
      this.show({ error: asError(error) });
    }
  }

  /** Change what is selected, sorted by or filtered. */
  show(part: Partial<EnvironmentsView>): void {
    this.seen = { ...this.seen, ...part };
    this.told.emit();
  }

  /** Take an event of the bus. */
  take(event: BusEvent): void {
    if (event.phase === 'kernels') {
      void this.again();
    } else if (event.job && event.job in this.jobs.jobs) {
      this.jobs = reduce(this.jobs, { type: 'event', event });
      this.nudges.get(event.job)?.();
      this.told.emit();
    }
  }

  private async doing(work: () => Promise<unknown>): Promise<void> {
    this.show({ error: null, refused: [], freed: null });
    try {
      await work();
    } catch (error) {
      this.show({ error: asError(error) });
    }
    await this.again();
  }

  private async ask(
    verb: VerbName,
    values: Record<string, unknown>
  ): Promise<Record<string, unknown> | null> {
    const answer = await this.client.verb(verb, values);
    return answer.result ?? this.follow(answer.key);
  }

  private async follow(key: string): Promise<Record<string, unknown> | null> {
    for (;;) {
      const since = this.jobs.jobs[key]?.events.length ?? 0;
      const told = new Promise<void>(resolve => this.nudges.set(key, resolve));
      const job = await this.client.job(key, since);
      this.jobs = reduce(this.jobs, { type: 'job', job, since });
      this.told.emit();
      if (job.state !== 'running') {
        this.nudges.delete(key);
        if (job.state === 'failed' && job.error) {
          throw new IsoRequestError(job.error, 0);
        }
        return job.state === 'done' ? (job.result ?? {}) : null;
      }
      let timer = 0;
      const patience = new Promise<void>(resolve => {
        timer = window.setTimeout(resolve, PATIENCE);
      });
      await Promise.race([told, patience]);
      window.clearTimeout(timer);
    }
  }

  private seen: EnvironmentsView = {
    named: null,
    overview: null,
    looking: false,
    selected: [],
    sort: 'used',
    filter: '',
    refused: [],
    freed: null,
    error: null
  };
  private jobs = initial();
  private readonly nudges = new Map<string, () => void>();
  private readonly told = new Signal<this, void>(this);
}
