import type { Inspect, Job } from '../results';
import {
  failure,
  initial,
  Input,
  KEPT,
  log,
  NotebookState,
  preparation,
  progress,
  reduce,
  status
} from '../state';
import type { BusEvent, Event } from '../wire';
import { recorded } from './logs';

const OURS: Input = { type: 'notebook', ours: true };

const inspect = (part: Partial<Inspect> = {}): Input => ({
  type: 'inspect',
  inspect: {
    state: 'ready',
    owner: 'n',
    spec: {},
    plan: { backend: 'uv', python: { version: '3.12.1', path: '/python' } },
    prefix: null,
    drift: [],
    machine_drift: [],
    notes: [],
    unique_bytes: 0,
    shared_bytes: 0,
    machine: { os: 'linux', arch: 'x86_64', accelerators: [] },
    rows: [],
    generations: [],
    label: 'analysis.ipynb',
    ...part
  }
});

const bus = (event: Event, part: Partial<BusEvent> = {}): Input => ({
  type: 'event',
  event: { kernel_id: 'k', notebook: '/n.ipynb', ...event, ...part }
});

const job = (part: Partial<Job>): Job => ({
  key: 'j',
  verb: 'add',
  path: 'n.ipynb',
  text: 'add polars',
  at: 10,
  state: 'running',
  events: [],
  count: 0,
  ...part
});

const told = (...inputs: Input[]): NotebookState =>
  inputs.reduce(reduce, initial());

const replay = (name: string) => recorded(name).map(event => bus(event));

describe('the status', () => {
  it.each<[string, Input[], string]>([
    ['plain for a notebook that is none of ours', [], 'plain'],
    ['loading until the server has answered', [OURS], 'loading'],
    ['ready', [OURS, inspect()], 'ready'],
    ['ready while a kernel runs in it', [OURS, inspect({ state: 'in-use' })], 'ready'],
    ['not-made before the first start', [OURS, inspect({ state: 'not-made' })], 'not-made'],
    ['review where it was not approved', [OURS, inspect({ state: 'not-approved' })], 'review'],
    ['drifted after !pip install', [OURS, inspect({ drift: [{ name: 'six', after: '1' }] })], 'drifted'],
    ['drifted with another driver', [OURS, inspect({ machine_drift: ['the driver is older'] })], 'drifted'],
    ['drifted where it answers a former plan', [OURS, inspect({ state: 'out-of-date' })], 'drifted'],
    ['preparing while a job goes on', [OURS, inspect(), { type: 'job', job: job({}), since: 0 }], 'preparing'],
    ['what it was while a job only shows', [OURS, inspect(), { type: 'job', job: job({ dry: true }), since: 0 }], 'ready'],
    [
      'what it was while the bus tells of a job that only shows',
      [OURS, inspect(), bus({ phase: 'job', text: 'running' }, { job: 'j', dry: true })],
      'ready'
    ]
  ])('is %s', (_, inputs, expected) => {
    expect(status(told(...inputs))).toBe(expected);
  });

  it('is failed where the server does not answer and never did', () => {
    const [last] = recorded('conflict').slice(-1);
    const error = last.error!;
    expect(status(told(OURS, { type: 'error', error }))).toBe('failed');
    expect(status(told(OURS, inspect(), { type: 'error', error }))).toBe('ready');
  });
});

describe('a recorded start', () => {
  it('prepares from its first event to its last but one, and is then ready', () => {
    const events = replay('made');
    const seen = events.map((_, at) => status(told(OURS, inspect(), ...events.slice(0, at + 1))));
    expect(seen).toEqual([...Array(events.length - 2).fill('preparing'), 'ready', 'ready']);
  });

  it('tells the step, the count and when it began', () => {
    const events = recorded('made');
    const upTo = events.findIndex(event => event.total) + 1;
    const state = told(OURS, ...events.slice(0, upTo).map(event => bus(event)));
    expect(progress(state)).toEqual({
      text: events[upTo - 1].text,
      phase: 'realise',
      key: events[upTo - 1].key,
      job: '',
      done: 0,
      total: 2,
      unit: 'packages',
      since: events[0].at
    });
  });

  it('is shown without the lines of the tools, and logged with them', () => {
    const events = recorded('made').slice(0, 3);
    const state = told(OURS, ...events.map(event => bus(event)));
    expect(progress(state)?.text).toBe('resolving blue');
    expect(log(state).map(event => event.text)).toEqual(events.map(event => event.text));
  });

  it('that failed tells its three lines', () => {
    const state = told(OURS, inspect({ state: 'not-made' }), ...replay('conflict'));
    expect(status(state)).toBe('failed');
    expect(failure(state)?.code).toBe('no-versions-fit');
    expect(progress(state)).toBeNull();
  });

  it('that was cancelled is over', () => {
    const state = told(OURS, inspect({ state: 'not-made' }), ...replay('cancelled'));
    expect([status(state), failure(state)?.code]).toEqual(['failed', 'cancelled']);
  });

  it.each(['made', 'conflict', 'cancelled'])('%s means the same backwards, twice, and after a reload', name => {
    const forward = told(OURS, ...replay(name));
    expect(told(OURS, ...replay(name).reverse())).toEqual(forward);
    expect(told(OURS, ...replay(name), ...replay(name))).toEqual(forward);
    const history: Input = { type: 'history', events: recorded(name) };
    expect(told(OURS, history, ...replay(name).slice(-2))).toEqual(forward);
    expect(told(OURS, ...replay(name).slice(-2), history)).toEqual(forward);
  });

  it('after a failed one begins anew', () => {
    const again = recorded('made').map(event => bus({ ...event, at: (event.at ?? 0) + 100 }));
    const state = told(OURS, ...replay('conflict'), again[0]);
    expect(preparation(state.events)).toMatchObject({
      state: 'running',
      since: (recorded('made')[0].at ?? 0) + 100,
      error: null
    });
  });

  it('of thousands of events keeps the newest', () => {
    const many = Array.from({ length: KEPT + 10 }, (_, at) => ({ phase: 'realise', at, text: `step ${at}` }));
    const state = told({ type: 'history', events: many });
    expect([state.events.length, state.events[0].at]).toEqual([KEPT, 10]);
  });

  it('is not begun by a clean-up', () => {
    const state = told(OURS, inspect(), bus({ phase: 'sweep', at: 1, text: 'old', done: 5, unit: 'bytes' }));
    expect(status(state)).toBe('ready');
  });
});

describe('a job', () => {
  const events: Event[] = [1, 2, 3].map(at => ({ phase: 'realise', at, text: `step ${at}` }));
  const answer = (since: number, part: Partial<Job> = {}): Input => ({
    type: 'job',
    job: job({ events: events.slice(since), count: 3, ...part }),
    since
  });

  it('joins its events by their index, whatever comes first or twice', () => {
    for (const inputs of [
      [answer(0)],
      [answer(0, { events: events.slice(0, 2) }), answer(2)],
      [answer(0), answer(1), answer(0, { events: events.slice(0, 1) })]
    ]) {
      expect(log(told(...inputs), 'j')).toEqual(events);
    }
  });

  it('leaves no gap', () => {
    expect(log(told(answer(2)), 'j')).toEqual([]);
  });

  it('stays ended when an older answer comes', () => {
    const ended = bus({ phase: 'job', at: 20, text: 'done' }, { job: 'j', path: 'n.ipynb' });
    expect(told(answer(0), ended, answer(0)).jobs.j.state).toBe('done');
    expect(told(answer(0), answer(0, { state: 'done', result: { dry: true } }), answer(0)).jobs.j).toMatchObject({
      state: 'done',
      result: { dry: true }
    });
    const late = bus({ phase: 'job', at: 10, text: 'running' }, { job: 'j' });
    expect(told(answer(0), ended, late).jobs.j.state).toBe('done');
  });

  it('shows the newest of its steps', () => {
    const step = (at: number) => bus({ phase: 'realise', at, text: `bus ${at}`, done: at, total: 9 }, { job: 'j' });
    const state = told(answer(0), step(8), step(5));
    expect(progress(state)).toMatchObject({ job: 'j', text: 'bus 8', done: 8, total: 9, since: 10 });
  });

  it('does not look like a start of the kernel', () => {
    const state = told(OURS, inspect(), bus(recorded('conflict').at(-1)!, { job: 'j' }));
    expect(failure(state)).toBeNull();
  });

  it('that made the environment mends a start that failed before', () => {
    const failed = told(OURS, inspect({ state: 'not-made' }), ...replay('conflict'));
    const at = (recorded('conflict').at(-1)?.at ?? 0) + 5;
    const done = (part: Partial<Job>): Input => ({
      type: 'job',
      job: job({ at, state: 'done', ...part }),
      since: 0
    });
    expect(failure(reduce(failed, done({})))).toBeNull();
    expect(failure(reduce(failed, done({ dry: true })))?.code).toBe('no-versions-fit');
    expect(failure(reduce(failed, done({ verb: 'env-create' })))?.code).toBe('no-versions-fit');
  });
});
