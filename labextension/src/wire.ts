/**
 * What travels between the page and the server. Written by tools/gen.py from the Python types: change those.
 *
 * A field that may be left out has the value that its comment names, or nothing of its kind.
 */

export const SCHEMA_ID = 'https://schema.kernel-iso.dev/environment/v1';

/** One step's report: `phase` is the verb ("lock", "realise"), `key` what it is about, `at` seconds since the epoch. */
export interface Event {
  phase: string;
  key?: string;
  at?: number;
  text?: string;
  done?: number | null;
  total?: number | null;
  unit?: string;
  error?: IsoErrorJson | null;
}

/** Why a rule decided as it did: the `rule`'s name and one sentence with its numbers. */
export interface Reason {
  rule: string;
  text: string;
}

/** Where a Spec was read. */
export interface Origin {
  /** Left out: "default". */
  kind?: string;
  path?: string;
  detail?: string;
}

/** A package index by its name. */
export interface Index {
  name: string;
  url: string;
  explicit?: boolean;
}

/** What the notebook asks, normalised. */
export interface Spec {
  requirements?: string[];
  constraints?: string[];
  hashes?: [string, string[]][];
  python?: string;
  conda?: string[];
  channels?: string[];
  /** Left out: "auto". */
  accelerator?: string;
  backend?: string;
  indexes?: Index[];
  pins?: [string, string][];
  exclude_newer?: string;
  groups?: string[];
  extras?: string[];
  profile?: string;
  env?: [string, string][];
  apt?: string[];
  /** Left out: "path". */
  own_code?: string;
  own_paths?: string[];
  system_site_packages?: boolean;
  origin?: Origin;
  overruled?: Origin[];
}

/** An interpreter: `version` in full ("3.12.1"), absolute `path`, and `source`. */
export interface Python {
  version: string;
  path: string;
  /** Left out: "system". */
  source?: string;
}

/** One accelerator device: `kind` (`cuda`, `rocm`, `xpu`, `mps`), architecture ("8.9", "gfx942"), and its driver. */
export interface Accelerator {
  kind: string;
  name?: string;
  uuid?: string;
  architecture?: string;
  driver?: string;
  cuda?: string;
  /** Left out: true. */
  visible?: boolean;
  index?: number;
  memory?: number;
  mig?: boolean;
  parts?: string[];
}

/** A tool that was found: its absolute path and version. */
export interface Tool {
  name: string;
  path: string;
  version?: string;
}

/** Facts about the machine on which the kernel will run. */
export interface Machine {
  os: string;
  arch: string;
  libc?: string;
  pythons?: Python[];
  accelerators?: Accelerator[];
  tools?: Tool[];
  findings?: string[];
}

/** What will be locked and realised, and why. */
export interface Plan {
  backend: string;
  python: Python;
  requirements?: string[];
  builds?: string[];
  companions?: string[];
  constraints?: string[];
  hashes?: [string, string[]][];
  conda?: string[];
  channels?: string[];
  indexes?: Index[];
  pins?: [string, string][];
  trusted_hosts?: string[];
  accelerator?: string;
  build_index?: string;
  build_limits?: string[];
  brought_torch?: string;
  platforms?: string[];
  libc?: string;
  virtual?: string[];
  conda_limits?: string[];
  link_scripts?: boolean;
  provided?: string[];
  exclude_newer?: string;
  env?: [string, string][];
  /** Left out: "path". */
  own_code?: string;
  own_paths?: string[];
  system_site_packages?: boolean;
  /** Left out: "on". */
  cache?: string;
  offline?: boolean;
  reasons?: Reason[];
}

/** One installed or locked package. */
export interface Package {
  name: string;
  version: string;
  role?: string;
  requires?: string[];
  size?: number;
  installer?: string;
  build?: string;
  channel?: string;
}

/** One part of a lock, for one platform and accelerator. */
export interface Part {
  text: string;
  /** Left out: "pylock". */
  kind?: string;
  pypi?: string;
  platform?: string;
  accelerator?: string;
}

/** Exact artefacts with hashes, in parts, and the digest of the Plan they answer. */
export interface Lock {
  plan: string;
  parts: Part[];
  python?: string;
  companions?: string[];
  detached?: string;
  source?: string;
  brought_torch?: string;
}

/** A prefix that exists: its manifest, written last. */
export interface Prefix {
  key: string;
  path: string;
  python: string;
  version: string;
  backend: string;
  owner: string;
  /** Left out: 1. */
  generation?: number;
  lock?: string;
  plan?: string;
  accelerator?: string;
  companions?: string;
  companions_first?: boolean;
  packages?: Package[];
  made?: number;
}

/** An Event as the server's event bus carries it. */
export interface BusEvent extends Event {
  kernel_id: string;
  notebook: string;
  path?: string;
  job?: string;
  dry?: boolean;
}

/** An error: `what`, `because` and `hint` are its three lines. */
export interface IsoErrorJson {
  kind: string;
  code: string;
  what: string;
  because: string;
  hint: string;
  tail: string[];
  log: string;
}

/** The verbs that a page can reach. */
export type VerbName =
  | 'plan'
  | 'lock'
  | 'realise'
  | 'add'
  | 'remove'
  | 'choose'
  | 'upgrade'
  | 'adopt'
  | 'imports'
  | 'take'
  | 'undo'
  | 'search'
  | 'packages'
  | 'tree'
  | 'inspect'
  | 'diff'
  | 'doctor'
  | 'policy'
  | 'clean'
  | 'overview'
  | 'isolate'
  | 'frontends'
  | 'log'
  | 'export'
  | 'probe'
  | 'env-create'
  | 'env-list'
  | 'env-clone'
  | 'env-rename'
  | 'env-export'
  | 'env-remove';
