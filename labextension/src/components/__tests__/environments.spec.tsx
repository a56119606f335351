import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { ComponentProps } from 'react';

import { EnvironmentActions, NamedEnvironments } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';
const button = (name: string | RegExp) => screen.getByRole('button', { name });
const disabled = (name: string | RegExp) =>
  button(name).hasAttribute('disabled');

afterEach(cleanup);

describe('EnvironmentActions', () => {
  const shown = (
    props: Partial<ComponentProps<typeof EnvironmentActions>> = {}
  ) => {
    const heard = {
      onUndo: jest.fn(),
      onRedo: jest.fn(),
      onLock: jest.fn(),
      onPython: jest.fn(),
      onAccelerator: jest.fn()
    };
    render(
      <EnvironmentActions
        python=">=3.11,<3.14"
        accelerator=""
        generations={[
          { key: 'k1', made: 0, current: false, packages: 40 },
          { key: 'k2', made: 0, current: true, packages: 45 }
        ]}
        busy={false}
        trans={trans}
        {...heard}
        {...props}
      />
    );
    return heard;
  };

  it('says what else is to be known of a lock', () => {
    shown({ note: 'A save puts no lock into the notebook' });
    expect(text()).toContain('A save puts no lock into the notebook');
  });

  it('chooses Python and accelerator, and keeps a declaration that is none of the usual ones', async () => {
    const { onAccelerator, onPython } = shown();
    const python = screen.getByRole<HTMLSelectElement>('combobox', {
      name: 'Python'
    });
    const accelerator = screen.getByRole<HTMLSelectElement>('combobox', {
      name: 'Accelerator'
    });
    expect([python.value, accelerator.value]).toEqual(['>=3.11,<3.14', 'auto']);
    await userEvent.selectOptions(python, '3.12');
    await userEvent.selectOptions(python, 'by policy');
    await userEvent.selectOptions(accelerator, 'cpu');
    expect([onPython.mock.calls, onAccelerator.mock.calls]).toEqual([
      [['3.12'], ['']],
      [['cpu']]
    ]);
  });

  it('locks, and goes back to the former generation', async () => {
    const { onLock, onUndo } = shown();
    expect(text()).toContain('with 40 packages');
    await userEvent.click(button('Lock'));
    await userEvent.click(button('Undo'));
    expect([onLock.mock.calls.length, onUndo.mock.calls.length]).toEqual([
      1, 1
    ]);
  });

  it('goes forward again where there is a later generation', async () => {
    const generations = [
      { key: 'k1', made: 0, current: true, packages: 40 },
      { key: 'k2', made: 0, current: false, packages: 45 }
    ];
    const { onRedo } = shown({ generations });
    await userEvent.click(button('Redo'));
    expect(onRedo).toHaveBeenCalledTimes(1);
    cleanup();
    shown();
    expect(disabled('Redo')).toBe(true);
  });

  it('there is no undo before the first generation', () => {
    shown({
      generations: [{ key: 'k1', made: 0, current: true, packages: 40 }]
    });
    expect(disabled('Undo')).toBe(true);
    expect(text()).toContain('There is no former generation to go back to.');
  });

  it('while something goes on nothing can be asked', () => {
    shown({ busy: true });
    expect(['Lock', 'Undo', 'Redo'].map(disabled)).toEqual([
      true,
      true,
      true
    ]);
  });
});

describe('NamedEnvironments', () => {
  const shown = (
    props: Partial<ComponentProps<typeof NamedEnvironments>> = {}
  ) => {
    const heard = {
      onCreate: jest.fn(),
      onClone: jest.fn(),
      onRename: jest.fn(),
      onRemove: jest.fn()
    };
    render(
      <NamedEnvironments
        environments={[
          { name: 'ml', about: 'Python 3.12.1, 45 packages' },
          { name: 'web' }
        ]}
        current="ml"
        busy={false}
        trans={trans}
        {...heard}
        {...props}
      />
    );
    return heard;
  };

  it('says that it looks while nothing is known, and that there is none', () => {
    shown({ environments: null });
    expect(text()).toContain('Looking');
    cleanup();
    shown({ environments: [] });
    expect(text()).toContain('There is none yet.');
  });

  it('creates an environment of a name that is free and can be one', async () => {
    const { onCreate } = shown();
    const field = screen.getByRole('textbox', {
      name: 'Name of a new environment'
    });
    await userEvent.type(field, 'ML{Enter}');
    expect([
      text().includes('There is one with this name.'),
      disabled('Create')
    ]).toEqual([true, true]);
    await userEvent.clear(field);
    await userEvent.type(field, '../x');
    expect([text().includes('Only letters'), disabled('Create')]).toEqual([
      true,
      true
    ]);
    await userEvent.clear(field);
    await userEvent.type(field, 'größe-2{Enter}');
    expect(onCreate.mock.calls).toEqual([['größe-2']]);
  });

  it('clones and renames under a new name', async () => {
    const { onClone, onRename } = shown();
    await userEvent.click(button('Clone ml'));
    await userEvent.type(
      screen.getByRole('textbox', { name: 'Name of the clone of ml' }),
      'ml2{Enter}'
    );
    await userEvent.click(button('Rename web'));
    await userEvent.type(
      screen.getByRole('textbox', { name: 'New name of web' }),
      'site{Enter}'
    );
    expect([onClone.mock.calls, onRename.mock.calls]).toEqual([
      [['ml', 'ml2']],
      [['web', 'site']]
    ]);
  });

  it('removes only after the question', async () => {
    const { onRemove } = shown();
    await userEvent.click(button('Remove ml'));
    const question = () =>
      within(screen.getByRole('group', { name: 'Remove ml' }));
    await userEvent.click(question().getByRole('button', { name: 'Cancel' }));
    expect(onRemove.mock.calls).toEqual([]);
    await userEvent.click(button('Remove ml'));
    await userEvent.click(question().getByRole('button', { name: 'Remove' }));
    expect(onRemove.mock.calls).toEqual([['ml']]);
  });

  it('while something goes on nothing can be asked', () => {
    shown({ busy: true });
    const names = [
      'Create',
      'Clone ml',
      'Rename ml',
      'Remove ml'
    ];
    expect(names.map(disabled)).toEqual(names.map(() => true));
  });
});
