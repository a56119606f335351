/** The panel's parts: pure components of data, callbacks and `trans`. */

export { Changed } from './changed';
export { Chip } from './chip';
export { EnvironmentActions, NamedEnvironments } from './environments';
export { ErrorLines } from './errorlines';
export { LogView } from './logview';
export { Overview } from './overview';
export { Packages } from './packages';
export type { EditAction } from './packages';
export { Preview } from './preview';
export { Progress } from './progress';
export type { Progressing } from './progress';
export { ReviewView } from './reviewview';
export { RunsOn } from './runson';
export { Empty, Section } from './section';
export { AboutProposal, TriedRun } from './tried';
export { Why } from './why';
export { Widgets } from './widgets';
