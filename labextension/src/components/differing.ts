/** What differs between the four ways in which a package is there: declared, locked, installed, imported. Pure. */

import type { Change, Row } from '../results';

/** A row with what the running kernel imported, and what was made where `!pip` changed it since. */
export interface FourWay extends Required<Row> {
  imported: string;
  /** True where the kernel still runs another version than is installed. */
  stale: boolean;
  /** Which sentence says how they differ; "" where they agree. */
  differs:
    | ''
    | 'changed'
    | 'added'
    | 'gone'
    | 'not-installed'
    | 'not-locked'
    | 'not-made';
  /** The version before the change, for `changed`. */
  before: string;
}

/** A name as indexes compare it (PEP 503): "Ruamel.YAML" is "ruamel-yaml". */
export function canonical(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** True where two versions say the same: trailing zeros, and a build tag that only one of them has, do not count. */
export function sameVersion(one: string, other: string): boolean {
  const [first, firstTag = ''] = one.split('+');
  const [second, secondTag = ''] = other.split('+');
  const bare = (version: string) =>
    version.replace(/^v/, '').replace(/(\.0)+$/, '');
  return (
    bare(first) === bare(second) &&
    (firstTag === secondTag || !firstTag || !secondTag)
  );
}

/** Every package with how its four versions differ, in the order of the names. */
export function fourWay(
  rows: readonly Row[],
  drift: readonly Change[],
  imported: Readonly<Record<string, string>> = {}
): FourWay[] {
  const drifted = new Map(drift.map(item => [canonical(item.name), item]));
  const running = new Map(
    Object.entries(imported).map(([name, version]) => [
      canonical(name),
      version
    ])
  );
  const known = new Set(rows.map(row => canonical(row.name)));
  const others = drift
    .filter(item => !known.has(canonical(item.name)))
    .map(item => ({
      name: item.name,
      locked: item.before,
      installed: item.after,
      role: 'added'
    }));
  const all: Row[] = [...rows, ...others];
  const locked = all.some(row => row.locked);
  const made = all.some(row => row.installed);
  return all
    .map(row => {
      const full = {
        name: row.name,
        declared: row.declared ?? '',
        locked: row.locked ?? '',
        installed: row.installed ?? '',
        role: row.role ?? '',
        imported: running.get(canonical(row.name)) ?? ''
      };
      const change = drifted.get(canonical(row.name));
      return {
        ...full,
        before: change?.before ?? full.locked,
        stale:
          full.imported !== '' &&
          full.installed !== '' &&
          !sameVersion(full.imported, full.installed),
        differs: difference(full, change, locked, made)
      };
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function difference(
  row: Required<Row>,
  change: Change | undefined,
  locked: boolean,
  made: boolean
): FourWay['differs'] {
  if (change) {
    return !change.before ? 'added' : !change.after ? 'gone' : 'changed';
  }
  // The kernel's own packages may lie apart, in a folder that is not the prefix.
  if (row.role !== 'companion' && made) {
    if (row.locked && !row.installed) {
      return 'not-installed';
    }
    if (row.installed && !row.locked && locked) {
      return 'added';
    }
    if (row.declared && !row.installed) {
      return 'not-made';
    }
  }
  if (row.declared && !row.locked && locked) {
    return 'not-locked';
  }
  if (row.locked && row.installed && !sameVersion(row.locked, row.installed)) {
    return 'changed';
  }
  return '';
}
