import { YNotebook } from '@jupyter/ydoc';
import { Signal } from '@lumino/signaling';

import { Client, IsoRequestError } from '../client';
import { NotebookModel } from '../notebook';
import type { Job, Review } from '../results';
import { status } from '../state';
import { tried } from '../trying';
import type { Open } from '../watching';
import type { BusEvent, IsoErrorJson } from '../wire';

const ERROR: IsoErrorJson = {
  kind: 'tool', code: 'no-answer', what: 'w', because: 'b', hint: 'h', tail: [], log: ''
};
const REVIEW = { digest: 'd', nonce: 'n' } as Review;

/** A notebook on a kernel, as a page has it open; what is outside of the page is not there. */
function page(kernel: string, metadata: object = {}) {
  const shared = YNotebook.create() as YNotebook;
  shared.metadata = metadata as never;
  const owner = {};
  const signal = () => new Signal<object, never>(owner);
  const done: string[] = [];
  const context = {
    path: 'work/n.ipynb',
    pathChanged: signal(),
    saveState: signal(),
    model: { sharedModel: shared, dirty: false },
    ready: Promise.resolve(),
    save: async () => void done.push('save')
  };
  const sessionContext = {
    ready: Promise.resolve(),
    kernelChanged: signal(),
    kernelPreference: {},
    session: { kernel: { id: 'k', name: kernel, status: 'idle', interrupt: async () => void done.push('interrupt') } },
    specsManager: { specs: { kernelspecs: { python3: { language: 'python', argv: ['/usr/bin/python3'] } } } },
    restartKernel: async () => void done.push('restart'),
    changeKernel: async ({ name }: { name: string }) => void done.push(`change ${name}`)
  };
  return { shared, done, context, open: { context, sessionContext } as unknown as Open };
}

/** A server that answers each verb as told; `asked` is what reached it, `given` the verbs' arguments. */
function server(answers: Record<string, unknown>) {
  const asked: string[] = [];
  const given: Record<string, unknown>[] = [];
  const answer = async (name: string) => {
    asked.push(name);
    const told = answers[name];
    if (told instanceof Error) {
      throw told;
    }
    return typeof told === 'function' ? told() : (told ?? { result: {}, text: '' });
  };
  const client = {
    verb: (name: string, values: Record<string, unknown> = {}) => {
      given.push(values);
      return answer(name);
    },
    jobs: async () => (answers.jobs as Job[]) ?? [],
    job: () => answer('job'),
    log: async () => ({ events: [], count: 0 }),
    review: () => answer('review'),
    approve: () => answer('approve'),
    cancel: (key: string) => answer(`cancel ${key}`)
  };
  return { asked, given, client: client as unknown as Client };
}

const job = (part: Partial<Job>): Job => ({
  key: 'j', verb: 'add', path: 'work/n.ipynb', text: '', at: 1, state: 'done', events: [], count: 0, ...part
});

const event = (part: Partial<BusEvent>): BusEvent => ({
  phase: 'realise', text: 'making it', at: 5, kernel_id: '', notebook: '', ...part
});

/** What the verb `take` answers, one after the other. */
const takes = (...answers: object[]) => () => ({ result: answers.shift() ?? { taken: [] }, text: '' });

/** Resolves when the model has come to what is asked for. */
function until(model: NotebookModel, holds: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const look = () => holds() && resolve();
    model.stateChanged.connect(look);
    look();
  });
}

const inspected = (state: string) => ({ result: { state }, text: '' });

beforeAll(() => jest.spyOn(console, 'warn').mockImplementation(() => undefined));

describe('a notebook', () => {
  it('on another kernel is plain, and the server is not asked about it', async () => {
    const { client, asked } = server({});
    const model = new NotebookModel(page('python3').open, client);
    await new Promise(resolve => setTimeout(resolve, 0));
    expect([status(model.state), asked]).toEqual(['plain', []]);
    model.dispose();
  });

  it('on ours is inspected', async () => {
    const { client } = server({ inspect: inspected('ready') });
    const model = new NotebookModel(page('iso').open, client);
    await until(model, () => status(model.state) === 'ready');
    expect(model.state.inspect).toMatchObject({ state: 'ready', rows: [], generations: [] });
    model.dispose();
  });

  it('that is not approved brings its review', async () => {
    const { client } = server({ inspect: inspected('not-approved'), review: REVIEW });
    const model = new NotebookModel(page('iso').open, client);
    await until(model, () => model.state.review !== null);
    expect([status(model.state), model.state.review]).toEqual(['review', REVIEW]);
    model.dispose();
  });

  it('shows what the server could not do, as state', async () => {
    const { client } = server({ inspect: new IsoRequestError(ERROR, 502) });
    const model = new NotebookModel(page('iso').open, client);
    await until(model, () => status(model.state) === 'failed');
    expect(model.state.error).toEqual(ERROR);
    model.dispose();
  });

  it('takes the events that are about it, by path or by kernel', () => {
    const model = new NotebookModel(page('iso').open, server({}).client);
    model.take(event({ path: 'other.ipynb', kernel_id: 'k' }));
    model.take(event({ kernel_id: 'other' }));
    model.take(event({ job: 'unknown' }));
    expect(model.state.events).toEqual([]);
    model.take(event({ path: 'work/n.ipynb', at: 1 }));
    model.take(event({ kernel_id: 'k', at: 2 }));
    expect(model.state.events.map(({ at }) => at)).toEqual([1, 2]);
    model.dispose();
  });
});

describe('an approval', () => {
  it('needs a click of a person', async () => {
    const { done, open } = page('iso');
    const { client, asked } = server({});
    const model = new NotebookModel(open, client);
    await model.begun;
    asked.length = 0;
    await model.approve({ isTrusted: false }, REVIEW);
    await model.approve(new MouseEvent('click'), REVIEW);
    expect([asked, done]).toEqual([[], []]);
    await model.approve({ isTrusted: true }, REVIEW);
    expect([asked, done]).toEqual([['approve'], ['restart']]);
    model.dispose();
  });

  it('that the server refuses starts nothing', async () => {
    const { done, open } = page('iso');
    const model = new NotebookModel(open, server({ approve: new IsoRequestError(ERROR, 403) }).client);
    await model.begun;
    await model.approve({ isTrusted: true }, REVIEW);
    expect([done, model.view.error]).toEqual([[], ERROR]);
    model.dispose();
  });
});

describe('an edit', () => {
  const changes = [{ name: 'polars', before: '', after: '1.0' }];
  const document = { metadata: { spec: { requirements: ['polars'] } }, cells: [] };

  it('is shown before it is made, then put into the open notebook and saved', async () => {
    const { done, open, shared } = page('iso');
    const answers: Record<string, unknown> = { add: { key: 'j' }, job: job({ result: { changes, dry: true } }) };
    const model = new NotebookModel(open, server(answers).client);
    await model.begun;
    await model.preview('add', { packages: ['polars'] });
    expect(model.view.preview).toEqual({ action: 'add', values: { packages: ['polars'] }, changes });
    expect([shared.getMetadata('kernel_iso'), done]).toEqual([undefined, []]);
    answers.job = job({ result: { changes, document } });
    await model.apply();
    expect(shared.getMetadata('kernel_iso')).toEqual(document.metadata);
    expect([done, model.view.preview, model.view.restart]).toEqual([['save'], null, true]);
    model.dispose();
  });

  it('is given back when it is in the open notebook and saved, so that the server need not keep it', async () => {
    const { done, open, shared } = page('iso');
    const made = job({ result: { changes, document, waiting: ['1'] } });
    const { client, asked, given } = server({ add: { key: 'j' }, job: made, take: takes({ taken: [] }) });
    const model = new NotebookModel(open, client);
    await model.begun;
    asked.length = given.length = 0;
    await model.act('add', { packages: ['polars'] });
    expect(shared.getMetadata('kernel_iso')).toEqual(document.metadata);
    expect([asked, given.at(-1), done]).toEqual([['add', 'job', 'take'], { taken: ['1'] }, ['save']]);
    model.dispose();
  });

  it('of a cell that was rewritten meanwhile is made once more, in what the notebook is now', async () => {
    const { done, open, shared } = page('iso');
    const lost = { cells: [{ index: 0, source: 'x' }] };
    const made = job({ result: { changes, document: lost, waiting: ['1'] } });
    const answers = takes({ taken: [] }, { taken: ['1'], document }, { taken: [] });
    const { client, asked, given } = server({ add: { key: 'j' }, job: made, take: answers });
    const model = new NotebookModel(open, client);
    await model.begun;
    asked.length = given.length = 0;
    await model.act('add', { packages: ['polars'] });
    expect(shared.getMetadata('kernel_iso')).toEqual(document.metadata);
    expect([asked, given.slice(-2)]).toEqual([['add', 'job', 'take', 'take'], [{}, { taken: ['1'] }]]);
    expect([done, model.view.error]).toEqual([['save'], null]);
    model.dispose();
  });

  it('of a page that was reloaded meanwhile is put into the open notebook when its job ends', async () => {
    const { done, open, shared } = page('iso');
    const states = [job({ state: 'running' }), job({ result: { changes, document, waiting: ['1'] } })];
    const answers = takes({ taken: [] }, { taken: ['1'], document }, { taken: [] });
    const { client } = server({ jobs: [job({ state: 'running' })], job: () => states.shift(), take: answers });
    const model = new NotebookModel(open, client);
    await until(model, () => done.length > 0);
    expect([shared.getMetadata('kernel_iso'), done]).toEqual([document.metadata, ['save']]);
    model.dispose();
  });

  it('of Python is shown and made by the same question', async () => {
    const { client, given } = server({ choose: { key: 'j' }, job: job({ result: { changes } }) });
    const model = new NotebookModel(page('iso').open, client);
    await model.begun;
    given.length = 0;
    await model.preview('choose', { python: '3.12' });
    await model.apply();
    expect(given.filter(values => 'python' in values)).toEqual([{ python: '3.12', dry: true }, { python: '3.12' }]);
    model.dispose();
  });

  it('is followed until its job ends', async () => {
    const states = [job({ state: 'running' }), job({ result: { changes } })];
    const { client, asked } = server({ add: { key: 'j' }, job: () => states.shift() });
    const model = new NotebookModel(page('iso').open, client);
    await model.begun;
    const result = model.act('add', { packages: ['polars'] });
    await until(model, () => model.state.jobs.j?.state === 'running');
    model.take(event({ phase: 'job', text: 'done', job: 'j', path: 'work/n.ipynb' }));
    expect(await result).toEqual({ changes });
    expect(asked.filter(name => name === 'job').length).toBe(2);
    model.dispose();
  });

  it('of a cell that was rewritten meanwhile, and that does not wait, changes nothing and says so', async () => {
    const { done, open } = page('iso');
    const lost = { metadata: null, cells: [{ index: 0, source: 'x' }] };
    const { client } = server({ add: { key: 'j' }, job: job({ result: { changes, document: lost } }) });
    const model = new NotebookModel(open, client);
    await model.begun;
    expect(await model.act('add', { packages: ['polars'] })).toBeNull();
    expect([done, model.view.error?.code]).toEqual([[], 'notebook-changed']);
    model.dispose();
  });

  it('of another place that waits for the page is put into the open notebook, saved, and given back', async () => {
    const { done, open, shared } = page('iso');
    const answers = [{ taken: [] }, { taken: ['1'], document }, { taken: [] }];
    const { client, asked } = server({ take: () => ({ result: answers.shift(), text: '' }) });
    const model = new NotebookModel(open, client);
    await model.begun;
    asked.length = 0;
    model.take(event({ phase: 'edit', path: 'work/n.ipynb' }));
    await until(model, () => asked.filter(name => name === 'take').length === 2 && !model.view.busy);
    expect(shared.getMetadata('kernel_iso')).toEqual(document.metadata);
    expect(done).toEqual(['save']);
    model.dispose();
  });

  it('of another place is left to the first of the pages that share the notebook', async () => {
    const { open, shared } = page('iso');
    const { client, asked } = server({ take: takes({ taken: [] }) });
    const model = new NotebookModel(open, client);
    await model.begun;
    asked.length = 0;
    jest.useFakeTimers();
    const { awareness } = shared;
    awareness.states.set(awareness.clientID - 1, {});
    model.take(event({ phase: 'edit', path: 'work/n.ipynb' }));
    await jest.advanceTimersByTimeAsync(2000);
    expect(asked).not.toContain('take');
    await jest.advanceTimersByTimeAsync(2000);
    expect(asked).toContain('take');
    jest.useRealTimers();
    model.dispose();
  });

  it('that fails shows its three lines', async () => {
    const { client } = server({ add: { key: 'j' }, job: job({ state: 'failed', error: ERROR }) });
    const model = new NotebookModel(page('iso').open, client);
    await model.begun;
    expect(await model.act('add')).toBeNull();
    expect([model.view.error, model.view.busy]).toEqual([ERROR, false]);
    model.dispose();
  });

  it('that goes on is cancelled by its key, a start by interrupting the kernel', async () => {
    const { done, open } = page('iso');
    const { client, asked } = server({});
    const model = new NotebookModel(open, client);
    await model.begun;
    asked.length = 0;
    model.take(event({ path: 'work/n.ipynb', phase: 'job', text: 'running', job: 'j' }));
    await model.cancel();
    model.take(event({ path: 'work/n.ipynb', phase: 'job', text: 'cancelled', job: 'j', at: 6 }));
    model.take(event({ path: 'work/n.ipynb', at: 7 }));
    await model.cancel();
    expect([asked, done]).toEqual([['cancel j'], ['interrupt']]);
    model.dispose();
  });
});

describe('isolating', () => {
  it('proposes what is imported, and then changes the kernel', async () => {
    const { done, open } = page('python3');
    const proposal = [{ requirement: 'numpy==2.1', installed: '2.1', import: 'numpy', why: '' }];
    const answers: Record<string, unknown> = { isolate: { key: 'j' }, job: job({ result: { proposal } }) };
    const model = new NotebookModel(open, server(answers).client);
    await model.begun;
    await model.preview('isolate');
    expect(model.view.preview?.changes).toEqual([{ name: 'numpy==2.1', after: '2.1' }]);
    answers.job = job({ result: { document: { metadata: { spec: {} }, cells: [] } } });
    await model.apply();
    expect(done).toEqual(['save', 'change iso']);
    model.dispose();
  });

  it('names a package that a cell installs, and the imports that nothing gives', async () => {
    const result = {
      proposal: [{ requirement: 'blue', installed: '', import: '' }],
      missing: ['sklearn', 'mine'],
      suggested: { sklearn: 'scikit-learn' }
    };
    const model = new NotebookModel(page('python3').open, server({ isolate: { key: 'j' }, job: job({ result }) }).client);
    await model.begun;
    await model.preview('isolate');
    expect(model.view.preview).toMatchObject({
      changes: [{ name: 'blue', after: '' }],
      missing: [{ name: 'sklearn', near: 'scikit-learn' }, { name: 'mine', near: '' }]
    });
    model.dispose();
  });

  it('is tried by a run that changes neither the notebook nor its kernel', async () => {
    const { done, open, shared } = page('python3');
    const proposal = [{ requirement: 'numpy==2.1', installed: '2.1', import: 'numpy' }];
    const answers: Record<string, unknown> = {
      isolate: { key: 'j' }, job: job({ verb: 'isolate', result: { proposal } })
    };
    const { client, given } = server(answers);
    const model = new NotebookModel(open, client);
    await model.begun;
    await model.preview('isolate');
    const shown = model.view.preview;
    const before = JSON.stringify(shared.toJSON());
    const failures = [{ cell: 2, ename: 'KeyError', evalue: "'a'" }];
    answers.isolate = { key: 'k' };
    answers.job = job({ key: 'k', verb: 'isolate', at: 2, result: { proposal, tried: { cells: 3, failures } } });
    await model.try();
    expect(given.at(-1)).toEqual({ python: '/usr/bin/python3', trial: true });
    expect(tried(model.state)).toMatchObject({ cells: 3, failures });
    expect([done, JSON.stringify(shared.toJSON()), model.view.preview]).toEqual([[], before, shown]);
    model.dispose();
  });

  it('goes on after a reload: what was tried is known, what was applied changes the kernel', async () => {
    const proposal = [{ requirement: 'numpy==2.1' }];
    const result = { proposal, tried: { cells: 3, failures: [] } };
    const over = job({ verb: 'isolate', result });
    const other = new NotebookModel(page('python3').open, server({ jobs: [over] }).client);
    await other.begun;
    expect(tried(other.state)).toMatchObject({ cells: 3, failures: [] });
    other.dispose();
    const { done, open } = page('python3');
    const going = job({ verb: 'isolate', state: 'running' });
    const applied = job({ verb: 'isolate', result: { proposal, written: 'n.ipynb' } });
    const model = new NotebookModel(open, server({ jobs: [going], job: applied, take: takes() }).client);
    await model.begun;
    await new Promise(resolve => setTimeout(resolve, 0));
    expect(done).toEqual(['change iso']);
    model.dispose();
  });
});
