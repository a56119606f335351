import { YNotebook } from '@jupyter/ydoc';

import { apply, documentOf, isOurs, placeAmong } from '../document';

// Yjs warns of every cell that is made before it is in a document, as JupyterLab's own library makes them.
beforeAll(() => jest.spyOn(console, 'warn').mockImplementation(() => undefined));

const SCRIPT = '# /// script\n# dependencies = ["six"]\n# ///';
const ADDED = '# /// script\n# dependencies = ["six", "polars"]\n# ///';

function notebook(metadata: object = { kernelspec: { name: 'iso', display_name: 'iso' }, odd: { é: [1, 2] } }) {
  const made = YNotebook.create() as YNotebook;
  made.fromJSON({
    metadata: metadata as never,
    nbformat: 4,
    nbformat_minor: 5,
    cells: [SCRIPT, 'import six\r\n', '# text'].map((source, at) => ({
      id: `cell-${at}`,
      cell_type: at === 2 ? 'markdown' : 'code',
      source,
      metadata: { tags: [`t${at}`] },
      ...(at === 2 ? {} : { outputs: [{ output_type: 'stream', name: 'stdout', text: 'x' }], execution_count: 1 })
    })) as never
  });
  return made;
}

const sources = (shared: YNotebook) => shared.cells.map(cell => cell.getSource());

describe('the open notebook', () => {
  it('knows its place among the pages that share it', () => {
    const shared = notebook();
    expect([placeAmong(shared), placeAmong({})]).toEqual([0, 0]);
    const { awareness } = shared;
    awareness.states.set(awareness.clientID + 1, {});
    expect(placeAmong(shared)).toBe(0);
    awareness.states.set(awareness.clientID - 1, {});
    expect(placeAmong(shared)).toBe(1);
  });

  it('is sent whole, without its outputs', () => {
    expect(documentOf(notebook())).toEqual({
      metadata: { kernelspec: { name: 'iso', display_name: 'iso' }, odd: { é: [1, 2] } },
      nbformat: 4,
      nbformat_minor: 5,
      cells: [
        { cell_type: 'code', source: SCRIPT, metadata: { tags: ['t0'] } },
        { cell_type: 'code', source: 'import six\r\n', metadata: { tags: ['t1'] } },
        { cell_type: 'markdown', source: '# text', metadata: { tags: ['t2'] } }
      ]
    });
  });

  it.each([
    ['iso', {}, true],
    ['iso-vision', {}, true],
    ['python3', {}, false],
    ['isolde', {}, false],
    ['python3', { kernel_iso: { id: 'n' } }, true]
  ])('is ours on %s with metadata %j: %s', (kernel, metadata, expected) => {
    expect(isOurs(notebook(metadata), kernel)).toBe(expected);
  });

  it('gets exactly what changes: all else stays as it was', () => {
    const shared = notebook();
    const before = JSON.parse(JSON.stringify(shared.toJSON()));
    const change = { metadata: { spec: { python: '3.12' } }, cells: [{ index: 0, source: ADDED }] };
    expect(apply(shared, documentOf(shared), change)).toBe(true);
    before.metadata.kernel_iso = { spec: { python: '3.12' } };
    before.cells[0].source = ADDED;
    expect(shared.toJSON()).toEqual(before);
  });

  it('keeps what an answer leaves out', () => {
    const shared = notebook({ kernel_iso: { id: 'n' } });
    const sent = documentOf(shared);
    apply(shared, sent, { cells: [{ index: 0, source: ADDED }] });
    expect(shared.getMetadata()).toEqual({ kernel_iso: { id: 'n' } });
    apply(shared, sent, { metadata: { id: 'n', spec: {} } });
    expect(sources(shared)).toEqual([ADDED, 'import six\r\n', '# text']);
    expect(shared.getMetadata()).toEqual({ kernel_iso: { id: 'n', spec: {} } });
  });

  it('gets a new cell in front of what is there', () => {
    const shared = notebook();
    const cell = { index: 0, source: ADDED, insert: true, metadata: { tags: ['new'] } };
    expect(apply(shared, documentOf(shared), { cells: [cell] })).toBe(true);
    expect(sources(shared)).toEqual([ADDED, SCRIPT, 'import six\r\n', '# text']);
    expect(shared.cells[0].getMetadata()).toMatchObject({ tags: ['new'] });
  });

  it('is changed in one step, which can be undone as one', () => {
    const shared = notebook();
    const seen: unknown[] = [];
    shared.ydoc.on('afterTransaction', (transaction: { changed: Map<unknown, unknown> }) =>
      seen.push(transaction.changed.size > 0)
    );
    apply(shared, documentOf(shared), { metadata: { id: 'n' }, cells: [{ index: 0, source: ADDED }] });
    expect(seen.filter(Boolean)).toEqual([true]);
  });

  it('gets only the letters that differ, so that a cursor stays where it is', () => {
    const shared = notebook();
    const deltas: unknown[] = [];
    shared.cells[0].changed.connect((_, change) => deltas.push(change.sourceChange));
    apply(shared, documentOf(shared), { metadata: null, cells: [{ index: 0, source: ADDED }] });
    const [delta] = deltas.filter(Boolean) as { insert?: string; delete?: number }[][];
    expect(delta.filter(part => part.insert || part.delete)).toEqual([{ insert: ', "polars"' }]);
  });

  it('is changed in the right cell when others came before it meanwhile', () => {
    const shared = notebook();
    const sent = documentOf(shared);
    shared.insertCell(0, { cell_type: 'code', source: 'new' } as never);
    expect(apply(shared, sent, { metadata: null, cells: [{ index: 0, source: ADDED }] })).toBe(true);
    expect(sources(shared)).toEqual(['new', ADDED, 'import six\r\n', '# text']);
  });

  it('is not changed where the cell was rewritten meanwhile', () => {
    const shared = notebook();
    const sent = documentOf(shared);
    shared.cells[0].setSource('mine');
    const before = JSON.stringify(shared.toJSON());
    expect(apply(shared, sent, { metadata: { id: 'n' }, cells: [{ index: 0, source: ADDED }] })).toBe(false);
    expect(JSON.stringify(shared.toJSON())).toBe(before);
  });

  it('keeps the id that a save gave it meanwhile', () => {
    const shared = notebook();
    const sent = documentOf(shared);
    shared.setMetadata('kernel_iso', { id: 'given' });
    apply(shared, sent, { metadata: { spec: {} }, cells: [] });
    expect(shared.getMetadata('kernel_iso')).toEqual({ spec: {}, id: 'given' });
  });

  it('loses what is ours where nothing is left of it', () => {
    const shared = notebook({ kernel_iso: { spec: {} }, other: 1 });
    apply(shared, documentOf(shared), { metadata: null, cells: [] });
    expect(shared.getMetadata()).toEqual({ other: 1 });
  });
});
