/** What a page shows of one notebook beside its state: what a person has asked, and what was answered. */

import type { Change, Inspect, SearchResult } from './results';
import type { IsoErrorJson } from './wire';

/** The edits that are shown before they are made. */
export type Action = 'add' | 'remove' | 'choose' | 'upgrade' | 'undo' | 'isolate';

/** An import that nothing installed gives, and what it is probably called on an index ("": not known). */
export interface Missing {
  name: string;
  near: string;
}

/** What a person has asked and not answered yet, and what the last action ended with. */
export interface View {
  preview: {
    action: Action;
    values: Record<string, unknown>;
    changes: Change[];
    missing?: Missing[];
  } | null;
  found: SearchResult | null;
  searching: boolean;
  names: string[];
  busy: boolean;
  error: IsoErrorJson | null;
  restart: boolean;
  later: boolean;
}

/** What a page shows of a notebook at first. */
export const NOTHING: View = {
  preview: null,
  found: null,
  searching: false,
  names: [],
  busy: false,
  error: null,
  restart: false,
  later: false
};

/** What an answer leaves out is nothing of its kind. */
export const NOTHING_KNOWN: Inspect = {
  state: '',
  owner: '',
  spec: {},
  plan: { backend: '', python: { version: '', path: '' } },
  prefix: null,
  drift: [],
  machine_drift: [],
  notes: [],
  unique_bytes: 0,
  shared_bytes: 0,
  machine: { os: '', arch: '', accelerators: [] },
  rows: [],
  generations: [],
  label: ''
};
