import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';

import type { OverviewRow } from '../../results';
import { Overview } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';
const button = (name: string | RegExp) => screen.getByRole('button', { name });
const disabled = (name: string | RegExp) =>
  button(name).hasAttribute('disabled');

afterEach(cleanup);

describe('Overview', () => {
  const row = (
    label: string,
    other: Partial<OverviewRow> = {}
  ): OverviewRow => ({
    owner: label,
    kind: 'notebook',
    label,
    path: `/work/${label}`,
    served: label,
    exists: true,
    state: 'idle',
    key: `key-${label}`,
    generation: 1,
    python: '3.12.1',
    accelerator: '',
    packages: 44,
    unique_bytes: 41e6,
    shared_bytes: 512e6,
    used: 0,
    made: 0,
    ...other
  });
  const ROWS = [
    row('b.ipynb', { used: 100, unique_bytes: 1e6, state: 'in-use' }),
    row('a.ipynb', { used: 300, state: 'orphan', exists: false }),
    row('ml', {
      kind: 'environment',
      path: '',
      served: '',
      used: 200,
      generation: 3,
      current: false
    })
  ];

  function Case(props: {
    onClean?: (keys: string[]) => void;
    onOpen?: (row: OverviewRow) => void;
    overview?: null;
    refused?: [string, string][];
    freed?: number;
  }) {
    const [selected, onSelect] = useState<string[]>([]);
    const [sort, onSort] = useState('used');
    const [filter, onFilter] = useState('');
    return (
      <Overview
        overview={{ rows: ROWS, total_bytes: 9.1e9, free_bytes: 120e9 }}
        looking={false}
        busy={false}
        refused={[]}
        freed={null}
        onLook={() => {}}
        onClean={() => {}}
        onOpen={() => {}}
        {...{ selected, onSelect, sort, onSort, filter, onFilter, trans }}
        {...props}
      />
    );
  }
  const names = () =>
    screen
      .getAllByRole('checkbox')
      .map(box => box.getAttribute('aria-label')?.slice(7));

  it('shows every environment with its size, and marks what nobody starts any more', () => {
    render(<Case />);
    expect(text()).toContain('9.1 GB in all, 120 GB free on the disk');
    expect(
      screen
        .getAllByRole('row')
        .slice(1)
        .map(item => item.textContent)
    ).toEqual([
      expect.stringMatching(
        /^a\.ipynbits notebook is gonenotebook · Python 3.12.1 · 44 packages41 MB512 MB/
      ),
      expect.stringMatching(
        /^mlenvironment · Python 3.12.1 · former generation · 44 packages41 MB512 MB/
      ),
      expect.stringMatching(
        /^b\.ipynbin usenotebook · Python 3.12.1 · 44 packages1 MB512 MB/
      )
    ]);
  });

  it('sorts by a column, and the other way round at a second press', async () => {
    render(<Case />);
    expect(names()).toEqual(['a.ipynb', 'ml', 'b.ipynb']);
    await userEvent.click(button('used'));
    expect(names()).toEqual(['b.ipynb', 'ml', 'a.ipynb']);
    await userEvent.click(button('Name'));
    expect(names()).toEqual(['a.ipynb', 'b.ipynb', 'ml']);
    await userEvent.click(button('own'));
    expect(names()).toEqual(['a.ipynb', 'ml', 'b.ipynb']);
    expect(
      screen
        .getByRole('columnheader', { name: 'own' })
        .getAttribute('aria-sort')
    ).toBe('descending');
  });

  it('filters by name', async () => {
    render(<Case />);
    await userEvent.type(screen.getByRole('searchbox'), 'IPYNB');
    expect(names()).toEqual(['a.ipynb', 'b.ipynb']);
    await userEvent.type(screen.getByRole('searchbox'), 'x');
    expect(text()).toContain('No environment has this in its name.');
  });

  it('deletes what is selected, and only after the question', async () => {
    const clean = jest.fn();
    render(<Case onClean={clean} />);
    expect(disabled('Clean up…')).toBe(true);
    await userEvent.click(button('Select 1 that nothing starts any more'));
    await userEvent.click(screen.getByRole('checkbox', { name: 'Select ml' }));
    await userEvent.click(button('Clean up 2 (82 MB)…'));
    expect(within(screen.getByRole('group')).getByRole('status').textContent).toBe(
      'Delete 2 environments and free 82 MB? They are made again when they are needed.'
    );
    await userEvent.click(button('Keep'));
    expect(clean.mock.calls).toEqual([]);
    await userEvent.click(button('Clean up 2 (82 MB)…'));
    await userEvent.click(button('Delete'));
    expect(clean.mock.calls).toEqual([[['key-a.ipynb', 'key-ml']]]);
  });

  it('a selection that changes takes the question back', async () => {
    render(<Case />);
    await userEvent.click(screen.getByRole('checkbox', { name: 'Select ml' }));
    await userEvent.click(button(/^Clean up 1/));
    await userEvent.click(
      screen.getByRole('checkbox', { name: 'Select a.ipynb' })
    );
    expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull();
  });

  it('what a kernel runs in cannot be selected', () => {
    render(<Case />);
    expect(
      screen
        .getByRole('checkbox', { name: 'Select b.ipynb' })
        .hasAttribute('disabled')
    ).toBe(true);
  });

  it('says what a clean-up freed, and what stays with its reason', () => {
    render(<Case freed={41e6} refused={[['key-ml', 'a kernel runs from it']]} />);
    expect(text()).toContain('Freed 41 MB.');
    expect(text()).toContain('ml stays: a kernel runs from it');
  });

  it('says that it measures while nothing was measured', () => {
    render(<Case overview={null} />);
    expect(text()).toBe('Measuring…Clean up…');
  });

  it('opens a notebook that is there', async () => {
    const open = jest.fn();
    render(<Case onOpen={open} />);
    await userEvent.click(button('b.ipynb'));
    expect(open.mock.calls).toEqual([[ROWS[0]]]);
    expect(screen.queryByRole('button', { name: 'a.ipynb' })).toBeNull();
  });
});
