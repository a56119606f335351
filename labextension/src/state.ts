/**
 * What a page knows of one notebook, as a pure function of what it was told.
 *
 * Events may come late, twice, in another order, or again after a reload: they are kept in the order in which they
 * happened, and what they mean is read from the whole of them. Nothing here asks, waits or draws.
 */

import type { Inspect, Job, JobState, Review } from './results';
import type { BusEvent, Event, IsoErrorJson } from './wire';

/** What the chip shows. */
export type Status =
  | 'plain'
  | 'loading'
  | 'not-made'
  | 'ready'
  | 'preparing'
  | 'drifted'
  | 'review'
  | 'failed';

/** The step at which a preparation or a job is; `since` is when it began, in seconds since the epoch. */
export interface Progress {
  text: string;
  phase: string;
  key: string;
  job: string;
  done?: number;
  total?: number;
  unit?: string;
  since: number;
}

/** A start of the notebook's kernel, as its events tell it. */
export interface Preparation {
  state: 'none' | 'running' | 'ready' | 'failed';
  since: number;
  ended: number;
  step: Event | null;
  error: IsoErrorJson | null;
}

/** What is known of one notebook. `events` are its kernel's, `steps` the last event of each job. */
export interface NotebookState {
  ours: boolean;
  inspect: Inspect | null;
  review: Review | null;
  error: IsoErrorJson | null;
  events: Event[];
  jobs: Record<string, Job>;
  steps: Record<string, Event>;
  ends: Record<string, number>;
}

/** What a page is told. */
export type Input =
  | { type: 'notebook'; ours: boolean }
  | { type: 'event'; event: BusEvent }
  | { type: 'history'; events: Event[] }
  | { type: 'job'; job: Job; since: number }
  | { type: 'inspect'; inspect: Inspect }
  | { type: 'review'; review: Review | null }
  | { type: 'error'; error: IsoErrorJson | null };

/** Events of one kernel that are kept: a build tells a few hundred. */
export const KEPT = 2000;

const TERMINAL: JobState[] = ['done', 'failed', 'cancelled'];

/** Jobs that leave an environment behind which the next start takes. */
const MAKING = ['lock', 'realise', 'add', 'remove', 'choose', 'upgrade', 'undo', 'isolate'];

/** The state of a notebook of which nothing is known yet. */
export function initial(): NotebookState {
  return {
    ours: false,
    inspect: null,
    review: null,
    error: null,
    events: [],
    jobs: {},
    steps: {},
    ends: {}
  };
}

/** The state after an input; the state itself where the input changes nothing. */
export function reduce(state: NotebookState, input: Input): NotebookState {
  switch (input.type) {
    case 'notebook':
      return input.ours === state.ours ? state : { ...state, ours: input.ours };
    case 'event':
      return input.event.job
        ? withJobEvent(state, input.event, input.event.job)
        : withEvents(state, [input.event]);
    case 'history':
      return withEvents(state, input.events);
    case 'job':
      return withJob(state, input.job, input.since);
    case 'inspect':
      return { ...state, inspect: input.inspect, error: null };
    case 'review':
      return { ...state, review: input.review };
    case 'error':
      return { ...state, error: input.error };
  }
}

/** Events in the order in which they happened, each once, the newest `KEPT`. */
function withEvents(state: NotebookState, more: Event[]): NotebookState {
  const seen = new Set(state.events.map(identity));
  const fresh = more.map(plain).filter(event => {
    const name = identity(event);
    return !seen.has(name) && seen.add(name);
  });
  if (!fresh.length) {
    return state;
  }
  const events = [...state.events, ...fresh].sort(
    (one, other) => (one.at ?? 0) - (other.at ?? 0)
  );
  return { ...state, events: events.slice(-KEPT) };
}

/** The event without what only the bus adds: so a history and the bus tell the same. */
function plain(event: Event): Event {
  const { phase, key, at, text, done, total, unit, error } = event;
  return { phase, key, at, text, done, total, unit, error };
}

function identity(event: Event): string {
  return [event.at, event.phase, event.text, event.done].join('\n');
}

/** A job's event moves its step on; its `job` event tells its state, of which the last one stays. */
function withJobEvent(
  state: NotebookState,
  event: BusEvent,
  key: string
): NotebookState {
  if (event.phase !== 'job') {
    const last = state.steps[key];
    if (event.unit === 'log' || (last && (last.at ?? 0) > (event.at ?? 0))) {
      return state;
    }
    return { ...state, steps: { ...state.steps, [key]: plain(event) } };
  }
  const told = event.text as JobState;
  const job = state.jobs[key];
  if (job && TERMINAL.includes(job.state)) {
    return state;
  }
  const known: Job = job ?? {
    key,
    verb: '',
    path: event.path ?? '',
    text: '',
    dry: event.dry,
    at: event.at ?? 0,
    state: told,
    events: [],
    count: 0
  };
  return {
    ...state,
    jobs: {
      ...state.jobs,
      [key]: { ...known, state: told, error: event.error ?? known.error }
    },
    ends: TERMINAL.includes(told)
      ? { ...state.ends, [key]: event.at ?? 0 }
      : state.ends
  };
}

/** A job as the server tells it. Its events begin at index `since`; those that would leave a gap are not taken. */
function withJob(state: NotebookState, job: Job, since: number): NotebookState {
  const known = state.jobs[job.key];
  const before = known?.events ?? [];
  const joined =
    since <= before.length ? [...before.slice(0, since), ...job.events] : before;
  const events = joined.length < before.length ? before : joined;
  const over = known && TERMINAL.includes(known.state);
  // An answer that was on its way while the job ended tells an older state.
  const told: Job =
    over && job.state === 'running' ? { ...job, state: known.state } : job;
  const last = events.filter(event => event.unit !== 'log').at(-1);
  const step = state.steps[job.key];
  const newer = last && (!step || (last.at ?? 0) >= (step.at ?? 0));
  return {
    ...state,
    jobs: {
      ...state.jobs,
      [job.key]: {
        ...told,
        events,
        result: told.result ?? known?.result,
        error: told.error ?? known?.error
      }
    },
    steps: newer ? { ...state.steps, [job.key]: plain(last) } : state.steps,
    ends:
      TERMINAL.includes(told.state) && !(job.key in state.ends)
        ? { ...state.ends, [job.key]: events.at(-1)?.at ?? job.at }
        : state.ends
  };
}

/** What the events of the kernel's starts come to: the last start. */
export function preparation(events: Event[]): Preparation {
  let now: Preparation = {
    state: 'none',
    since: 0,
    ended: 0,
    step: null,
    error: null
  };
  for (const event of events) {
    now = after(now, event);
  }
  return now;
}

function after(now: Preparation, event: Event): Preparation {
  const at = event.at ?? 0;
  const running = now.state === 'running';
  if (event.error) {
    return { ...now, state: 'failed', ended: at, step: event, error: event.error };
  }
  if (event.phase === 'launch') {
    return { ...now, state: 'ready', ended: at, step: null, error: null };
  }
  if (!['plan', 'lock', 'realise'].includes(event.phase)) {
    return now; // a sweep, a list of kernels: no step of a start
  }
  if (event.phase === 'realise' && event.text === 'ready') {
    return { ...now, state: 'ready', ended: at, step: null, error: null };
  }
  if (event.unit === 'log' || !event.text) {
    return now; // a tool's own line begins nothing
  }
  return {
    state: 'running',
    since: running ? now.since : at,
    ended: 0,
    step: event,
    error: null
  };
}

/** Jobs that go on, the oldest first; also those that only show what would change. */
export function running(state: NotebookState): Job[] {
  return Object.values(state.jobs)
    .filter(job => job.state === 'running')
    .sort((one, other) => one.at - other.at);
}

/** The error that the notebook's last start ended with, if nothing was made since. */
export function failure(state: NotebookState): IsoErrorJson | null {
  const { error, ended } = preparation(state.events);
  const mended = Object.values(state.jobs).some(
    job =>
      job.state === 'done' &&
      MAKING.includes(job.verb) &&
      !job.dry &&
      (state.ends[job.key] ?? 0) > ended
  );
  return mended ? null : error;
}

/** The status of a notebook: the first that holds. */
export function status(state: NotebookState): Status {
  const { inspect } = state;
  if (!state.ours) {
    return 'plain';
  }
  if (
    preparation(state.events).state === 'running' ||
    running(state).some(job => !job.dry)
  ) {
    return 'preparing';
  }
  const failed = failure(state);
  if (inspect?.state === 'not-approved' || failed?.kind === 'not-approved') {
    return 'review';
  }
  if (failed || (state.error && !inspect)) {
    return 'failed';
  }
  if (!inspect) {
    return 'loading';
  }
  if (inspect.state === 'not-made') {
    return 'not-made';
  }
  const differs = inspect.drift.length + inspect.machine_drift.length;
  return differs || inspect.state === 'out-of-date' ? 'drifted' : 'ready';
}

/** The step that is shown: the start's, or that of the job which goes on longest; null where nothing does. */
export function progress(state: NotebookState): Progress | null {
  const start = preparation(state.events);
  if (start.state === 'running' && start.step) {
    return shown(start.step, start.since, '');
  }
  const job = running(state)[0];
  if (!job) {
    return null;
  }
  const step = state.steps[job.key] ?? { phase: job.verb, text: job.text };
  return shown(step, job.at, job.key);
}

function shown(step: Event, since: number, job: string): Progress {
  return {
    text: step.text ?? '',
    phase: step.phase,
    key: step.key ?? '',
    job,
    done: step.done ?? undefined,
    total: step.total ?? undefined,
    unit: step.unit || undefined,
    since
  };
}

/** The log that is shown: of the job with this key, else of the kernel's last start. */
export function log(state: NotebookState, job = ''): Event[] {
  return job ? (state.jobs[job]?.events ?? []) : state.events;
}

/** The job whose log is shown when nothing goes on: the newest, if it is newer than the kernel's last start. */
export function newest(state: NotebookState): string {
  const last = Object.values(state.jobs).sort((one, other) => other.at - one.at)[0];
  return last && last.at > (state.events.at(-1)?.at ?? 0) ? last.key : '';
}
