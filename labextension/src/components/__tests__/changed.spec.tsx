import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

import { Changed, Preview } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';

afterEach(cleanup);

describe('Changed', () => {
  const ROWS = [
    {
      name: 'numpy',
      declared: 'numpy>=2',
      locked: '2.3',
      installed: '2.3',
      role: 'asked'
    },
    {
      name: 'polars',
      declared: 'polars',
      locked: '1.35',
      installed: '1.34',
      role: 'asked'
    }
  ];
  const names = () =>
    [...document.querySelectorAll('tbody .jp-kernelIso-name')].map(
      item => item.textContent
    );

  it('shows what differs, and all of it on demand', async () => {
    render(
      <Changed
        rows={ROWS}
        drift={[]}
        machineDrift={['the driver changed']}
        trans={trans}
      />
    );
    expect(names()).toEqual(['polars']);
    expect(text()).toContain('1.35 was made, 1.34 is there now');
    expect(text()).toContain('the driver changed');
    await userEvent.click(
      screen.getByRole('button', { name: 'Show all 2 packages' })
    );
    expect(names()).toEqual(['polars', 'numpy']);
    expect(
      screen
        .getAllByRole('cell')
        .slice(5)
        .map(cell => cell.textContent)
    ).toEqual(['>=2', '2.3', '2.3']);
  });

  it('has a column for what is imported where that is known', () => {
    render(
      <Changed
        rows={ROWS}
        imported={{ numpy: '2.2' }}
        drift={[]}
        machineDrift={[]}
        trans={trans}
      />
    );
    expect(
      screen.getAllByRole('columnheader').map(head => head.textContent)
    ).toEqual(['Package', 'declared', 'locked', 'installed', 'imported']);
    expect(text()).toContain('the kernel still runs 2.2: restart it to use 2.3');
  });

  it('says that all agrees, and that there is nothing', () => {
    const { rerender } = render(
      <Changed
        rows={ROWS.slice(0, 1)}
        drift={[]}
        machineDrift={[]}
        trans={trans}
      />
    );
    expect(text()).toContain('agrees');
    rerender(<Changed rows={[]} drift={[]} machineDrift={[]} trans={trans} />);
    expect(text()).toBe('There is nothing to compare yet.');
  });

  it('filters many rows by name', async () => {
    const many = Array.from({ length: 16 }, (_, place) => ({
      name: `p${place}`,
      locked: '1',
      installed: '2'
    }));
    const { rerender } = render(
      <Changed rows={many} drift={[]} machineDrift={[]} trans={trans} />
    );
    await userEvent.type(
      screen.getByRole('searchbox', { name: 'Filter packages by name' }),
      'P15'
    );
    expect(names()).toEqual(['p15']);
    rerender(
      <Changed
        rows={many.slice(1)}
        drift={[]}
        machineDrift={[]}
        trans={trans}
      />
    );
    expect([screen.queryByRole('searchbox'), names().length]).toEqual([
      null,
      15
    ]);
  });
});

describe('Preview', () => {
  it('tells new, changed and removed packages apart, and does nothing by itself', async () => {
    const [apply, cancel] = [jest.fn(), jest.fn()];
    render(
      <Preview
        action="add"
        changes={[
          { name: 'polars', after: '1.35' },
          { name: 'numpy', before: '2.2', after: '2.3' },
          { name: 'six', before: '1.17' }
        ]}
        busy={false}
        onApply={apply}
        onCancel={cancel}
        trans={trans}
      />
    );
    expect(screen.getByRole('status').textContent).toBe(
      'Add: 3 packages would change'
    );
    expect(
      screen.getAllByRole('heading').map(head => head.textContent)
    ).toEqual(['New (1)', 'Other version (1)', 'Removed (1)']);
    expect(
      screen.getAllByRole('listitem').map(item => item.textContent)
    ).toEqual(['+polars1.35', '→numpy2.2 → 2.3', '−six1.17']);
    expect([apply.mock.calls.length, cancel.mock.calls.length]).toEqual([0, 0]);
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    await userEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    expect([apply.mock.calls.length, cancel.mock.calls.length]).toEqual([1, 1]);
  });

  it('cannot be applied twice at once', () => {
    render(
      <Preview
        action="undo"
        changes={[]}
        busy
        onApply={() => {}}
        onCancel={() => {}}
        trans={trans}
      />
    );
    expect(
      screen.getByRole('button', { name: 'Apply' }).hasAttribute('disabled')
    ).toBe(true);
    expect(text()).toContain('Undo: no installed package would change');
  });
});
