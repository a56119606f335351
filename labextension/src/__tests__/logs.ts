/** The recorded logs that pytest replays too (tests/logs). */

import { readFileSync } from 'fs';
import { join } from 'path';

import type { Event } from '../wire';

const FOLDER = join(__dirname, '..', '..', '..', 'tests', 'logs');

/** The events of a recorded start. */
export function recorded(name: string): Event[] {
  return readFileSync(join(FOLDER, `${name}.ndjson`), 'utf-8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Event);
}
