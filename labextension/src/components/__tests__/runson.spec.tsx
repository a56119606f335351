import { Clipboard } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

import type { Inspect } from '../../results';
import { RunsOn, Why } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';

afterEach(cleanup);

const INSPECT: Inspect = {
  state: 'in-use',
  owner: 'nb-1',
  label: 'analysis.ipynb',
  spec: {},
  plan: {
    backend: 'uv',
    python: { version: '3.12.1', path: '/usr/bin/python3.12' }
  },
  prefix: {
    key: 'k2',
    path: '/store/prefixes/k2',
    python: '/store/prefixes/k2/bin/python',
    version: '3.12.1',
    backend: 'uv',
    owner: 'nb-1',
    generation: 2,
    accelerator: 'cu126',
    packages: [{ name: 'torch', version: '2.9.1+cu126' }]
  },
  drift: [],
  machine_drift: [],
  notes: [],
  unique_bytes: 412e6,
  shared_bytes: 5.31e9,
  machine: {
    os: 'linux',
    arch: 'x86_64',
    accelerators: [
      {
        kind: 'cuda',
        name: 'RTX 4090',
        architecture: '8.9',
        driver: '550.54',
        cuda: '12.4'
      },
      { kind: 'cuda', name: 'GTX 1080', architecture: '6.1', visible: false }
    ]
  },
  rows: [],
  generations: [
    { key: 'k1', made: 1, current: false, packages: 40 },
    { key: 'k2', made: 2, current: true, packages: 45 }
  ]
};

describe('RunsOn', () => {
  it('says what the notebook runs on', () => {
    render(<RunsOn inspect={INSPECT} trans={trans} />);
    const facts = [...document.querySelectorAll('dt')].map(term => [
      term.textContent,
      term.nextElementSibling?.textContent
    ]);
    expect(facts).toEqual([
      ['Python', '3.12.1'],
      ['Installed by', 'uv'],
      ['Folder', '/store/prefixes/k2'],
      ['Generation', '2 (2 are kept)'],
      ['Packages', '1'],
      ['Size', '412 MB of its own, 5.3 GB shared'],
      ['torch', '2.9.1+cu126'],
      ['Build', 'cu126']
    ]);
    expect(
      [...document.querySelectorAll('li')].map(item => item.textContent)
    ).toEqual([
      'RTX 4090sm_89 · driver 550.54 · CUDA up to 12.4',
      'GTX 1080hidden from kernelssm_61'
    ]);
    expect(text()).toContain('Fits this machine.');
  });

  it('copies the folder', async () => {
    render(<RunsOn inspect={INSPECT} trans={trans} />);
    await userEvent.click(
      screen.getByRole('button', { name: 'Copy the path of the folder' })
    );
    expect(Clipboard.copyToSystem).toHaveBeenCalledWith('/store/prefixes/k2');
    expect(screen.getByRole('button', { name: 'Copied' })).toBeTruthy();
  });

  it('a driver that changed is said, and nothing is said to fit then', () => {
    render(
      <RunsOn
        inspect={{ ...INSPECT, machine_drift: ['the driver is 550.54 now'] }}
        trans={trans}
      />
    );
    expect(text()).toContain('the driver is 550.54 now');
    expect(text()).not.toContain('Fits this machine.');
  });

  it('says what the lock wants a person to know', () => {
    const notes = ['pytorch 2.10.0 is the CPU build'];
    render(<RunsOn inspect={{ ...INSPECT, notes }} trans={trans} />);
    expect(text()).toContain('pytorch 2.10.0 is the CPU build');
  });

  it('what is not made yet has no folder and no size', () => {
    render(
      <RunsOn
        inspect={{
          ...INSPECT,
          state: 'not-made',
          prefix: null,
          machine: { os: 'linux', arch: 'x86_64', accelerators: [] }
        }}
        trans={trans}
      />
    );
    expect(
      [...document.querySelectorAll('dd')].map(item => item.textContent)
    ).toEqual(['3.12.1, when it is made', 'uv']);
    expect(text()).toContain(
      'This machine shows no GPU.Nothing here depends on an accelerator.'
    );
  });
});

describe('Why', () => {
  it('lists the reasons with the names of their rules', () => {
    render(
      <Why
        reasons={[{ rule: 'python', text: '`>=3.11` is asked' }]}
        trans={trans}
      />
    );
    expect(screen.getByRole('listitem').textContent).toBe(
      'python>=3.11 is asked'
    );
    expect(document.querySelector('code')?.textContent).toBe('>=3.11');
  });
});
