import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { ComponentProps } from 'react';

import { Packages } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';
const button = (name: string | RegExp) => screen.getByRole('button', { name });
const disabled = (name: string | RegExp) =>
  button(name).hasAttribute('disabled');

afterEach(cleanup);

describe('Packages', () => {
  const shown = (props: Partial<ComponentProps<typeof Packages>> = {}) => {
    const heard = {
      onSearch: jest.fn(),
      onComplete: jest.fn(),
      onPreview: jest.fn()
    };
    render(
      <Packages
        rows={[
          {
            name: 'numpy',
            declared: 'numpy>=2',
            installed: '2.3.5',
            role: 'asked'
          },
          { name: 'six', installed: '1.17', role: '' }
        ]}
        names={['polars', 'polars-ols', 'numpy']}
        searching={false}
        busy={false}
        trans={trans}
        {...heard}
        {...props}
      />
    );
    return {
      ...heard,
      field: screen.getByRole('combobox', { name: 'Package to look up or add' })
    };
  };
  const options = () =>
    screen.queryAllByRole('option').map(option => option.textContent);

  it('completes a name: the arrows mark one, Enter looks it up', async () => {
    const { field, onComplete, onSearch } = shown();
    await userEvent.type(field, 'pol');
    expect(onComplete.mock.calls).toEqual([['p'], ['po'], ['pol']]);
    expect([field.getAttribute('aria-expanded'), options()]).toEqual([
      'true',
      ['polars', 'polars-ols']
    ]);
    await userEvent.keyboard('{ArrowDown}{ArrowDown}');
    const marked = document.getElementById(
      field.getAttribute('aria-activedescendant')!
    );
    expect([
      marked?.textContent,
      marked?.getAttribute('aria-selected')
    ]).toEqual(['polars-ols', 'true']);
    await userEvent.keyboard('{Enter}');
    expect(onSearch.mock.calls).toEqual([['polars-ols']]);
    expect([(field as HTMLInputElement).value, options()]).toEqual([
      'polars-ols',
      []
    ]);
  });

  it('the arrows go round, Escape closes the list and then empties the field', async () => {
    const { field } = shown();
    await userEvent.type(field, 'pol{ArrowUp}');
    const marked = () =>
      document.getElementById(field.getAttribute('aria-activedescendant')!)
        ?.textContent;
    expect(marked()).toBe('polars-ols');
    await userEvent.keyboard('{ArrowDown}');
    expect(marked()).toBe('polars');
    await userEvent.keyboard('{Escape}');
    expect([options(), (field as HTMLInputElement).value]).toEqual([[], 'pol']);
    await userEvent.keyboard('{Escape}');
    expect((field as HTMLInputElement).value).toBe('');
  });

  it('a press on a completion looks it up', async () => {
    const { field, onSearch } = shown();
    await userEvent.type(field, 'pol');
    await userEvent.click(screen.getByRole('option', { name: 'polars' }));
    expect(onSearch.mock.calls).toEqual([['polars']]);
  });

  it('what is typed with its versions is previewed, not looked up', async () => {
    const { field, onPreview, onSearch } = shown();
    await userEvent.type(field, 'polars>=1 six{Enter}');
    expect(onPreview.mock.calls).toEqual([['add', ['polars>=1', 'six']]]);
    await userEvent.click(button('Add'));
    expect([onPreview.mock.calls.length, onSearch.mock.calls.length]).toEqual([
      2, 0
    ]);
  });

  it('a package that was found is added in the version that is chosen', async () => {
    const { onPreview } = shown({
      found: {
        name: 'polars',
        summary: 'DataFrames',
        index: 'pypi',
        versions: ['1.35.2', '1.35.1'],
        newest: { version: '1.35.2', uploaded: '2026-11-01T10:00:00Z' },
        installed: '1.34.0'
      }
    });
    expect(text()).toContain('newest 1.35.2, of 2026-11-01, on pypi');
    expect(text()).toContain('1.34.0 is installed');
    await userEvent.click(button('Add polars'));
    await userEvent.selectOptions(
      screen.getByRole('combobox', { name: 'Version of polars' }),
      '1.35.1'
    );
    await userEvent.click(button('Add polars==1.35.1'));
    expect(onPreview.mock.calls).toEqual([
      ['add', ['polars']],
      ['add', ['polars==1.35.1']]
    ]);
  });

  it('only declared packages are listed; each can be upgraded and removed', async () => {
    const { onPreview } = shown();
    expect(
      screen.getAllByRole('listitem').map(item => item.textContent)
    ).toEqual(['numpy 2.3.5']);
    await userEvent.click(button('Upgrade numpy'));
    await userEvent.click(button('Remove numpy'));
    await userEvent.click(button('Upgrade all'));
    expect(onPreview.mock.calls).toEqual([
      ['upgrade', ['numpy']],
      ['remove', ['numpy']],
      ['upgrade', ['numpy']]
    ]);
  });

  it('while something goes on nothing can be asked', () => {
    shown({ busy: true, searching: true });
    expect(
      ['Upgrade numpy', 'Remove numpy', 'Upgrade all', 'Add'].map(disabled)
    ).toEqual([true, true, true, true]);
    expect(screen.getByRole('status').textContent).toBe('Looking it up…');
  });
});
