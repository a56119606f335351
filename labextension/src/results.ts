/** The answers of the verbs, as far as the page reads them (`kernel_iso/engine/acts.py` makes them). */

import type {
  Accelerator,
  Event,
  IsoErrorJson,
  Plan,
  Prefix,
  Spec
} from './wire';

export type {
  Accelerator,
  Event,
  IsoErrorJson,
  Machine,
  Package,
  Plan,
  Prefix,
  Reason,
  Spec
} from './wire';

/**
 * One package that changes: `before` or `after` is "" (or left out) where it is not there. A `choice` is none, but the
 * Python or the accelerator that is asked for.
 */
export interface Change {
  name: string;
  before?: string;
  after?: string;
  choice?: boolean;
}

/** One package as it is declared, locked and installed; `role` is `asked`, `companion`, `added` or "". */
export interface Row {
  name: string;
  declared?: string;
  locked?: string;
  installed?: string;
  role?: string;
}

/** One generation of a prefix: `made` is seconds since the epoch, `packages` a count. */
export interface Generation {
  key: string;
  made: number;
  current: boolean;
  packages: number;
}

/** `inspect`. `state` is `ready`, `in-use`, `out-of-date`, `not-made` or `not-approved`. */
export interface Inspect {
  state: string;
  owner: string;
  spec: Spec;
  plan: Plan;
  prefix: Prefix | null;
  drift: Change[];
  machine_drift: string[];
  /** What its lock wants a person to know: a CPU build that conda took although there is a GPU. */
  notes: string[];
  unique_bytes: number;
  shared_bytes: number;
  machine: { os: string; arch: string; accelerators: Accelerator[] };
  rows: Row[];
  generations: Generation[];
  label: string;
}

/**
 * What an edit puts into the open notebook; what is left out stays as it is. `metadata` is the whole `kernel_iso` (null:
 * none any more). A cell with `insert` is a new one that goes there.
 */
export interface DocumentChange {
  metadata?: Record<string, unknown> | null;
  cells?: { index: number; source: string; insert?: boolean; metadata?: object }[];
}

/**
 * `add`, `remove`, `choose`, `upgrade`, `undo`: with `dry` only what would change. `waiting` names the edits that `take`
 * gets back when `document` is in the open notebook.
 */
export interface Edited {
  changes: Change[];
  dry?: boolean;
  written?: string;
  ready?: Record<string, unknown>;
  document?: DocumentChange;
  waiting?: string[];
}

/** A cell that failed in a try: `cell` is its number among all cells, from 1. */
export interface FailedCell {
  cell: number;
  ename: string;
  evalue: string;
}

/** How a copy of the notebook ran in the environment that is proposed. */
export interface Tried {
  cells: number;
  failures: FailedCell[];
}

/**
 * `isolate`: what would be declared, with the release that is `installed` ("": none) and the `import` that wants it.
 * `missing` are imports that nothing installed gives, `suggested` what they are probably called on an index.
 */
export interface Isolated {
  proposal: { requirement: string; installed?: string; import?: string }[];
  missing?: string[];
  suggested?: Record<string, string>;
  written?: string;
  tried?: Partial<Tried>;
}

/** `search` for one name: `versions` are the newest first. */
export interface SearchResult {
  name: string;
  summary: string;
  index: string;
  versions: string[];
  newest: { version: string; uploaded: string };
  installed: string;
}

/** One artefact of a lock, as a review shows it. */
export interface ReviewPackage {
  name: string;
  version: string;
  hash: string;
  index: string;
  size?: number;
  uploaded?: string;
}

/** What `review` adds when it was asked for the versions. */
export interface ReviewVersions {
  packages: ReviewPackage[];
  bytes: number;
  newest: { name: string; version: string; age_days: number } | null;
  /** The conda packages that would run scripts as they are installed. */
  scripts?: string[];
}

/** `review`: what a notebook asks, before anything is fetched. `nonce` is what an approval of exactly this needs. */
export interface Review {
  path: string;
  label: string;
  digest: string;
  approved: boolean;
  where: { path: string; detail: string };
  asks: {
    requirements: string[];
    conda: string[];
    channels: string[];
    python: string;
    accelerator: string;
    constraints: string[];
    indexes: { name: string; url: string }[];
    env: [string, string][];
    own_code: string;
  };
  locks: { where: string; packages: ReviewPackage[] }[];
  runs_code: string[];
  differs: { added: string[]; removed: string[]; changed: string[] } | null;
  versions: ReviewVersions | null;
  nonce?: string;
}

/**
 * One environment or notebook of this machine; `used` and `made` are seconds since the epoch. `served` is the
 * notebook's path in the contents API, "" where this server does not serve it.
 */
export interface OverviewRow {
  owner: string;
  kind: 'notebook' | 'environment';
  label: string;
  path: string;
  served: string;
  exists: boolean;
  state: 'in-use' | 'idle' | 'orphan';
  key: string;
  generation: number;
  /** False for a generation whose place a newer one has taken. */
  current?: boolean;
  python: string;
  accelerator: string;
  packages: number;
  unique_bytes: number;
  shared_bytes: number;
  used: number;
  made: number;
}

/** `overview`. */
export interface Overview {
  rows: OverviewRow[];
  total_bytes: number;
  free_bytes: number;
}

/** One named environment, as `env list` tells of it. */
export interface Environment {
  name: string;
  prefix?: string;
  about?: string;
}

/** How far a job has come. */
export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

/**
 * A slow verb; a `dry` one only shows what would change. `events` are those that were asked for, `count` is how many
 * there are.
 */
export interface Job {
  key: string;
  verb: string;
  path: string;
  text: string;
  dry?: boolean;
  at: number;
  state: JobState;
  events: Event[];
  count: number;
  result?: Record<string, unknown>;
  error?: IsoErrorJson;
}

/** A front end that a package of a prefix brings; `parts` are what the page activates, `url` is below the prefix. */
export interface Frontend {
  package: string;
  version: string;
  module: string;
  kind: 'labextension' | 'nbextension';
  url: string;
  parts: string[];
  widget: boolean;
  conflict: string;
}

/** `frontends`: `refused` is why the page may load none of them. */
export interface Frontends {
  frontends: Frontend[];
  refused: IsoErrorJson | null;
}
