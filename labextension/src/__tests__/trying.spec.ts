import type { Isolated, Job } from '../results';
import { initial, reduce } from '../state';
import { tried } from '../trying';

const BLUE = [{ requirement: 'blue~=1.0', installed: '1.0', import: 'blue' }];
const GREEN = [{ requirement: 'green~=1.0', installed: '1.0', import: 'green' }];
const FAILED = { cells: 3, failures: [{ cell: 2, ename: 'KeyError', evalue: "'a'" }] };

/** What is known after these jobs of one notebook, the first the oldest. */
const after = (...results: (Isolated | null)[]) =>
  tried(
    results
      .map((result, at): Job => ({
        key: `j${at}`, verb: 'isolate', path: 'n.ipynb', text: '', at, events: [], count: 0,
        ...(result
          ? { state: 'done', result: result as unknown as Record<string, unknown> }
          : { state: 'cancelled' })
      }))
      .reduce((state, job) => reduce(state, { type: 'job', job, since: 0 }), initial())
  );

describe('the last try', () => {
  it('is none where nothing was tried', () => {
    expect([after(), after({ proposal: BLUE, tried: {} }), after(null)]).toEqual([null, null, null]);
  });

  it('says what failed, and when it was', () => {
    expect(after({ proposal: BLUE, tried: {} }, { proposal: BLUE, tried: FAILED })).toEqual({ ...FAILED, at: 1 });
  });

  it('stays while the same is proposed, also after a try that was cancelled', () => {
    expect(after({ proposal: BLUE, tried: FAILED }, null, { proposal: BLUE, tried: {} })).toEqual({ ...FAILED, at: 0 });
  });

  it('is over where something else is proposed, or it was applied', () => {
    expect(after({ proposal: BLUE, tried: FAILED }, { proposal: GREEN, tried: {} })).toBeNull();
    expect(after({ proposal: BLUE, tried: FAILED }, { proposal: BLUE, written: 'n.ipynb', tried: {} })).toBeNull();
  });

  it('is the newest of several', () => {
    const ran = { cells: 3, failures: [] };
    expect(after({ proposal: BLUE, tried: FAILED }, { proposal: BLUE, tried: ran })).toEqual({ ...ran, at: 1 });
  });
});
