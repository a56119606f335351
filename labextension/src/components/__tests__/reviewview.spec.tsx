import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { ComponentProps } from 'react';

import type { Review } from '../../results';
import { ReviewView } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';
const button = (name: string | RegExp) => screen.getByRole('button', { name });
const disabled = (name: string | RegExp) =>
  button(name).hasAttribute('disabled');

afterEach(cleanup);

const REVIEW: Review = {
  path: 'sub/analysis.ipynb',
  label: 'analysis.ipynb',
  digest: 'sha256:9f86d081884c7d65',
  approved: false,
  where: { path: 'sub/analysis.ipynb', detail: 'cell 1' },
  asks: {
    requirements: ['polars>=1', 'harm\u202eless'],
    conda: [],
    channels: [],
    python: '>=3.11',
    accelerator: '',
    constraints: [],
    indexes: [{ name: 'internal', url: 'https://packages.example.org/simple' }],
    env: [['OMP_NUM_THREADS', '4']],
    own_code: ''
  },
  locks: [
    {
      where: 'cell 1',
      packages: [
        {
          name: 'polars',
          version: '1.35.2',
          hash: 'sha256:aabbccddeeff0011',
          index: 'pypi',
          size: 2e6
        }
      ]
    }
  ],
  runs_code: ['six is built from source'],
  differs: {
    added: ['polars>=1'],
    removed: ['numpy'],
    changed: ['python 3.11 → >=3.11']
  },
  versions: null
};

describe('ReviewView', () => {
  const shown = (props: Partial<ComponentProps<typeof ReviewView>> = {}) => {
    const heard = {
      onSeeVersions: jest.fn(),
      onApprove: jest.fn(),
      onNotNow: jest.fn(),
      onPlain: jest.fn()
    };
    render(
      <ReviewView
        review={REVIEW}
        busy={false}
        trans={trans}
        {...heard}
        {...props}
      />
    );
    return heard;
  };

  it('shows all that is asked, with what would hide made visible', () => {
    shown();
    const facts = [...document.querySelectorAll('dt')].map(term => [
      term.textContent,
      term.nextElementSibling?.textContent
    ]);
    expect(facts).toEqual([
      ['Packages', 'polars>=1harm\\u202eless'],
      ['Python', '>=3.11'],
      ['Indexes', 'internal: https://packages.example.org/simple'],
      ['Variables', 'OMP_NUM_THREADS=4'],
      ['Read from', 'analysis.ipynb, cell 1']
    ]);
    expect(text()).toContain(
      'analysis.ipynb was not approved on this machine. Nothing was installed or run.'
    );
    expect(text()).toContain('six is built from source');
    expect(
      screen.getAllByRole('listitem').map(item => item.textContent)
    ).toEqual(['+polars>=1new', '−numpygone', '≠python 3.11 → >=3.11changed']);
    const table = within(
      screen.getByRole('table', { name: 'Locked in cell 1' })
    );
    expect(table.getAllByRole('cell').map(cell => cell.textContent)).toEqual([
      'polars 1.35.2',
      'aabbccddeeff',
      'pypi',
      '2 MB',
      '–'
    ]);
  });

  it('a press that a script made approves nothing', () => {
    const { onApprove } = shown();
    button('Approve').click();
    button('Approve').dispatchEvent(
      new MouseEvent('click', { bubbles: true, cancelable: true })
    );
    expect(onApprove.mock.calls).toEqual([]);
  });

  it('a press that a person made approves', () => {
    const { onApprove } = shown();
    // Only a browser makes events that are trusted: the handler is given one as React would give it.
    const element = button('Approve') as unknown as Record<
      string,
      { onClick: (event: unknown) => void }
    >;
    const props = Object.keys(element).find(key =>
      key.startsWith('__reactProps$')
    )!;
    const event = { isTrusted: true };
    element[props].onClick(event);
    expect(onApprove.mock.calls).toEqual([[event]]);
  });

  it('the other two ways out are heard', async () => {
    const { onNotNow, onPlain } = shown();
    await userEvent.click(button('Not now'));
    await userEvent.click(button('Open with a plain kernel'));
    expect([onNotNow.mock.calls.length, onPlain.mock.calls.length]).toEqual([
      1, 1
    ]);
  });

  it('versions are looked up on demand, and a young release is pointed out', async () => {
    const { onSeeVersions } = shown();
    await userEvent.click(button('See the exact versions'));
    expect(onSeeVersions).toHaveBeenCalledTimes(1);
    cleanup();
    const versions = {
      packages: [
        {
          name: 'polars',
          version: '1.35.2',
          hash: 'sha256:aa',
          index: 'pypi',
          size: 41e6
        }
      ],
      bytes: 41e6,
      newest: { name: 'polars', version: '1.35.2', age_days: 1 }
    };
    shown({ versions });
    expect(text()).toContain('1 package, 41 MB');
    expect(
      document.querySelector('.jp-kernelIso-versions .jp-mod-warning')
        ?.textContent
    ).toBe('The newest release is polars 1.35.2: it is 1 day old.');
    cleanup();
    shown({
      versions: { ...versions, newest: { ...versions.newest, age_days: 40 } }
    });
    expect(
      document.querySelector('.jp-kernelIso-versions .jp-mod-note')?.textContent
    ).toContain('40 days old');
    cleanup();
    shown({ versions: { ...versions, newest: null } });
    expect(text()).not.toContain('newest release');
    cleanup();
    shown({ versions: { ...versions, newest: null, scripts: ['fonts'] } });
    expect(
      document.querySelector('.jp-kernelIso-versions .jp-mod-warning')
        ?.textContent
    ).toBe('These run scripts of their own as they are installed: fonts');
  });

  it('what is approved, or is being looked up, cannot be approved', () => {
    shown({ busy: true });
    expect(disabled('Approve')).toBe(true);
    cleanup();
    shown({ review: { ...REVIEW, approved: true, differs: null } });
    expect(disabled('Approve')).toBe(true);
    expect(text()).toContain('analysis.ipynb was approved on this machine.');
  });
});
