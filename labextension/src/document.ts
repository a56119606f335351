/** The open notebook: what is sent of it, and what an answer puts into it. Everything else stays byte for byte. */

import type { INotebookModel } from '@jupyterlab/notebook';

import type { OpenDocument } from './client';
import type { DocumentChange } from './results';

type Shared = INotebookModel['sharedModel'];
type Cell = Shared['cells'][number];

/** The key of the notebook's metadata that is ours. */
export const KEY = 'kernel_iso';

/** The open notebook without its outputs. */
export function documentOf(shared: Shared): OpenDocument {
  return {
    metadata: shared.getMetadata() as Record<string, unknown>,
    nbformat: shared.nbformat,
    nbformat_minor: shared.nbformat_minor,
    cells: shared.cells.map(cell => ({
      cell_type: cell.cell_type,
      source: cell.getSource(),
      metadata: cell.getMetadata() as object
    }))
  };
}

/** True for a notebook that runs on a kernel of ours, or carries metadata of ours. */
export function isOurs(shared: Shared, kernelName: string): boolean {
  const metadata = shared.getMetadata() as Record<string, unknown>;
  return (
    kernelName === 'iso' || kernelName.startsWith('iso-') || KEY in metadata
  );
}

/**
 * The place of this page among all that have the notebook open together (real-time collaboration): 0 is the first, and
 * the only one.
 */
export function placeAmong(shared: object): number {
  const { awareness } = shared as {
    awareness?: { clientID: number; getStates(): Map<number, unknown> };
  };
  return awareness
    ? [...awareness.getStates().keys()].filter(other => other < awareness.clientID).length
    : 0;
}

/** True where there is something to put into the open notebook. */
export function changes(change: DocumentChange): boolean {
  return change.metadata !== undefined || Boolean(change.cells?.length);
}

/**
 * Put what a verb answered into the open notebook; false, and nothing changed, where a cell that it is about was
 * changed or removed since `sent`.
 *
 * Cells may have come and gone meanwhile: one is found where it was, else where the only cell with its text is.
 */
export function apply(
  shared: Shared,
  sent: OpenDocument,
  change: DocumentChange
): boolean {
  const cells = change.cells ?? [];
  const found = cells
    .filter(({ insert }) => !insert)
    .map(({ index, source }) => ({
      cell: find(shared, index, sent.cells[index]?.source),
      source
    }));
  if (found.some(({ cell }) => !cell)) {
    return false;
  }
  shared.transact(() => {
    for (const { cell, source } of found) {
      rewrite(cell as Cell, source);
    }
    for (const { index, source, metadata } of cells.filter(({ insert }) => insert)) {
      shared.insertCell(index, { cell_type: 'code', source, metadata } as never);
    }
    if (change.metadata !== undefined) {
      putMetadata(shared, change.metadata);
    }
  });
  return true;
}

function find(shared: Shared, index: number, source?: string): Cell | null {
  const same = shared.cells.filter(cell => cell.getSource() === source);
  const there = shared.cells[index];
  return same.includes(there) ? there : same.length === 1 ? same[0] : null;
}

/** Change only what differs, so that cursors and other people's edits stay where they are. */
function rewrite(cell: Cell, source: string): void {
  const old = cell.getSource();
  let start = 0;
  const most = Math.min(old.length, source.length);
  while (start < most && old[start] === source[start]) {
    start += 1;
  }
  let end = 0;
  while (
    end < most - start &&
    old[old.length - 1 - end] === source[source.length - 1 - end]
  ) {
    end += 1;
  }
  if (start < old.length - end || start < source.length - end) {
    cell.updateSource(
      start,
      old.length - end,
      source.slice(start, source.length - end)
    );
  }
}

/** The id that a save gave the notebook meanwhile stays. */
function putMetadata(
  shared: Shared,
  metadata: Record<string, unknown> | null
): void {
  const present = shared.getMetadata(KEY) as { id?: string } | undefined;
  if (metadata === null) {
    shared.deleteMetadata(KEY);
    return;
  }
  const kept = present?.id && !metadata.id ? { id: present.id } : {};
  shared.setMetadata(KEY, { ...metadata, ...kept } as never);
}
