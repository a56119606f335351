import { Client, IsoRequestError } from '../client';
import { Environments } from '../environments';
import type { Job } from '../results';
import type { BusEvent } from '../wire';

const job = (part: Partial<Job>): Job => ({
  key: 'j', verb: 'clean', path: '', text: '', at: 1, state: 'running', events: [], count: 0, ...part
});
const event = (part: Partial<BusEvent>): BusEvent => ({
  phase: 'realise', text: 'making it', at: 5, kernel_id: '', notebook: '', ...part
});

/** A server whose job `j` takes the states of `course`, one for each time it is asked for. */
function server(course: Partial<Job>[], jobs: Job[] = []) {
  const asked: string[] = [];
  const client = {
    verb: async (name: string, values: object = {}) => {
      asked.push(name + (Object.keys(values).length ? ` ${JSON.stringify(values)}` : ''));
      const quick: Record<string, object> = {
        'env-list': { environments: [{ name: 'ml' }] },
        overview: { rows: [], total_bytes: 1, free_bytes: 2 }
      };
      return name in quick ? { result: quick[name], text: '' } : { key: 'j' };
    },
    job: async () => job(course.length > 1 ? course.shift()! : course[0]),
    jobs: async () => jobs,
    cancel: async (key: string) => void asked.push(`cancel ${key}`)
  };
  return { asked, model: new Environments(client as unknown as Client) };
}

/** Resolves when the model has come to what is asked for. */
function until(model: Environments, holds: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const look = () => holds() && resolve();
    model.changed.connect(look);
    look();
  });
}

describe('Environments', () => {
  it('a job is shown while it goes on, and what was looked at is looked at again after it', async () => {
    const { asked, model } = server([{}, { state: 'done' }]);
    await model.list();
    const over = model.act('env-create', { environment: 'new' });
    await until(model, () => model.progress !== null);
    model.take(event({ job: 'j', text: 'installing', done: 1, total: 2 }));
    expect(model.progress?.text).toBe('installing');
    await over;
    expect(model.progress).toBeNull();
    expect(asked).toEqual(['env-list', 'env-create {"environment":"new"}', 'env-list']);
  });

  it('a clean-up tells what it freed, and what stays with its reason', async () => {
    const result = { freed_bytes: 7, removed: [], refused: [['k', 'a kernel runs from it']] };
    const { asked, model } = server([{ state: 'done', result }]);
    await model.look();
    model.show({ selected: ['k'] });
    await model.clean(['k']);
    const { freed, refused, selected } = model.view;
    expect([freed, refused, selected]).toEqual([7, [['k', 'a kernel runs from it']], []]);
    expect(asked).toEqual(['overview', 'clean {"keys":["k"]}', 'overview']);
  });

  it('a job that failed leaves its three lines', async () => {
    const error = { kind: 'tool', code: 'c', what: 'w', because: 'b', hint: 'h', tail: [], log: '' };
    const { model } = server([{ state: 'failed', error }]);
    await model.act('env-remove', { environment: 'ml' });
    expect(model.view.error).toEqual(new IsoRequestError(error, 0).error);
  });

  it('a job that another page began is followed, one about a notebook is not', async () => {
    const { asked, model } = server(
      [{ state: 'done' }],
      [job({ verb: 'env create' }), job({ key: 'n', verb: 'add', path: 'n.ipynb' })]
    );
    await model.list();
    await until(model, () => asked.length === 2);
    expect(asked).toEqual(['env-list', 'env-list']);
  });

  it('looks again when the list of kernels has changed, at what was looked at only', async () => {
    const { asked, model } = server([{}]);
    model.take(event({ phase: 'kernels' }));
    expect(asked).toEqual([]);
    await model.look();
    model.take(event({ phase: 'kernels' }));
    expect(asked).toEqual(['overview', 'overview']);
  });

  it('cancels the job that goes on', async () => {
    const { asked, model } = server([{}, { state: 'cancelled' }]);
    const over = model.act('env-create', { environment: 'new' });
    await until(model, () => model.progress !== null);
    await model.cancel();
    model.take(event({ phase: 'job', job: 'j', text: 'cancelled' }));
    await over;
    expect([asked.at(-1), model.view.error]).toEqual(['cancel j', null]);
  });
});
