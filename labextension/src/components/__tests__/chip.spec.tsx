import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';

import type { Status } from '../../state';
import { Chip, Empty, ErrorLines, Section } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';

afterEach(cleanup);

describe('Section', () => {
  it('opens and closes by its heading, and tells whether it is open', async () => {
    function Case() {
      const [open, setOpen] = useState(false);
      return (
        <Section
          title="Why"
          open={open}
          onToggle={() => setOpen(!open)}
          badge="2"
        >
          inside
        </Section>
      );
    }
    render(<Case />);
    const button = screen.getByRole('button', { name: /Why/ });
    expect([button.getAttribute('aria-expanded'), text()]).toEqual([
      'false',
      'Why2'
    ]);
    button.focus();
    await userEvent.keyboard('{Enter}');
    expect([button.getAttribute('aria-expanded'), text()]).toEqual([
      'true',
      'Why2inside'
    ]);
    expect(
      document.getElementById(button.getAttribute('aria-controls')!)
        ?.textContent
    ).toBe('inside');
  });

  it('an empty place says what can be done', () => {
    render(
      <Empty
        title="Nothing"
        text="There is nothing."
        action={<button>Make it</button>}
      />
    );
    expect(text()).toBe('NothingThere is nothing.Make it');
  });
});

describe('ErrorLines', () => {
  const ERROR = {
    kind: 'impossible',
    code: 'torch-newer-than-driver',
    what: 'cannot plan an environment for `analysis.ipynb`',
    because: 'this machine has 550.54',
    hint: 'set accelerator = "cpu"',
    tail: ['first', 'second'],
    log: '/store/logs/k.ndjson'
  };

  it('shows the three lines at once, and what the tool said on demand', async () => {
    const retry = jest.fn();
    render(<ErrorLines error={ERROR} onRetry={retry} trans={trans} />);
    expect(screen.getByRole('alert').textContent).toContain(
      'kernel-iso cannot plan an environment for analysis.ipynb torch-newer-than-driver'
    );
    expect(
      [...document.querySelectorAll('dd')].map(item => item.textContent)
    ).toEqual([
      'this machine has 550.54',
      'set accelerator = "cpu"',
      '/store/logs/k.ndjson'
    ]);
    const tail = document.querySelector('details')!;
    expect([tail.open, tail.querySelector('pre')?.textContent]).toEqual([
      false,
      'first\nsecond'
    ]);
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(retry).toHaveBeenCalledTimes(1);
  });

  it('leaves out what is not there', () => {
    render(
      <ErrorLines error={{ ...ERROR, tail: [], log: '' }} trans={trans} />
    );
    expect([
      document.querySelector('details'),
      screen.queryByRole('button')
    ]).toEqual([null, null]);
  });
});

describe('Chip', () => {
  it.each<[Status, number | null, string]>([
    ['loading', null, 'looking'],
    ['not-made', null, 'not made yet'],
    ['ready', null, 'ready'],
    ['preparing', 63, 'preparing 63 %'],
    ['preparing', null, 'preparing'],
    ['drifted', null, 'drifted'],
    ['review', null, 'needs review'],
    ['failed', null, 'failed']
  ])(
    '%s (%s) reads "%s" and opens the panel',
    async (status, percent, word) => {
      const click = jest.fn();
      render(
        <Chip status={status} percent={percent} trans={trans} onClick={click} />
      );
      const chip = screen.getByRole('button', { name: `Environment: ${word}` });
      expect(chip.textContent).toBe(word);
      expect(chip.querySelectorAll('svg').length).toBe(1);
      chip.focus();
      await userEvent.keyboard(' ');
      expect(click).toHaveBeenCalledTimes(1);
    }
  );

  it('a notebook that is none of ours has no chip', () => {
    render(<Chip status="plain" trans={trans} onClick={() => {}} />);
    expect(screen.queryByRole('button')).toBeNull();
  });
});
