/** What the jobs of a notebook say of the last try. A pure function. */

import type { Isolated, Tried } from './results';
import type { NotebookState } from './state';

/**
 * How what is proposed now ran when it was last tried, and when that was (seconds since the epoch); null where it was
 * not tried, was applied since, or where something else is proposed since.
 */
export function tried(state: NotebookState): (Tried & { at: number }) | null {
  const made = Object.values(state.jobs)
    .filter(job => job.verb === 'isolate' && job.state === 'done' && job.result)
    .sort((one, other) => other.at - one.at);
  const results = made.map(job => job.result as unknown as Isolated);
  const at = results.findIndex(result => result.tried?.cells !== undefined);
  const proposed = (result: Isolated) => JSON.stringify(result.proposal);
  if (at < 0 || results[0].written || proposed(results[0]) !== proposed(results[at])) {
    return null;
  }
  const { cells, failures } = results[at].tried as Tried;
  return { cells, failures, at: state.ends[made[at].key] ?? made[at].at };
}
