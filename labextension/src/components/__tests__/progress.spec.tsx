import { Clipboard } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import {
  act,
  cleanup,
  fireEvent,
  render,
  screen
} from '@testing-library/react';

import { LogView, Progress } from '..';

jest.mock('@jupyterlab/apputils', () => ({
  Clipboard: { copyToSystem: jest.fn() }
}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';

afterEach(cleanup);

describe('Progress', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_000_083_000 }));
  afterEach(() => jest.useRealTimers());

  const BASE = { text: 'fetching torch', phase: 'realise', since: 1_000_000 };

  it('says how far it is in bytes that people read, and for how long', () => {
    render(
      <Progress
        progress={{ ...BASE, done: 512e6, total: 812e6, unit: 'bytes' }}
        trans={trans}
      />
    );
    const bar = screen.getByRole('progressbar');
    expect([
      bar.getAttribute('aria-valuenow'),
      bar.getAttribute('aria-valuetext')
    ]).toEqual(['63', '512 MB of 812 MB']);
    expect(text()).toBe('fetching torch63 % · 512 MB of 812 MB1:23');
    act(() => {
      jest.advanceTimersByTime(2000);
    });
    expect(screen.getByRole('timer').textContent).toBe('1:25');
  });

  it('is indeterminate where the whole is not known', () => {
    render(<Progress progress={{ ...BASE, text: '' }} trans={trans} />);
    expect(screen.getByRole('progressbar').hasAttribute('aria-valuenow')).toBe(
      false
    );
    expect([
      screen.getByRole('status').textContent,
      screen.queryByRole('button')
    ]).toEqual(['realise', null]);
  });

  it('can be cancelled', () => {
    const cancel = jest.fn();
    render(
      <Progress
        progress={{ ...BASE, done: 3, total: 8, unit: 'packages' }}
        onCancel={cancel}
        trans={trans}
      />
    );
    expect(text()).toContain('37 % · 3 of 8 packages');
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    expect(cancel).toHaveBeenCalledTimes(1);
  });
});

describe('LogView', () => {
  const line = (place: number) => ({
    phase: 'realise',
    at: 0,
    text: `line ${place}`
  });
  /** jsdom lays nothing out: the sizes are given. */
  const sized = (scrollHeight: number) => {
    const box = screen.getByRole('log');
    Object.defineProperty(box, 'scrollHeight', {
      value: scrollHeight,
      configurable: true
    });
    Object.defineProperty(box, 'clientHeight', {
      value: 100,
      configurable: true
    });
    return box;
  };

  it('follows its end until a person scrolls up, and again on demand', () => {
    const { rerender } = render(<LogView events={[line(1)]} trans={trans} />);
    const box = sized(500);
    rerender(<LogView events={[line(1), line(2)]} trans={trans} />);
    expect(box.scrollTop).toBe(500);
    fireEvent.scroll(box, { target: { scrollTop: 50 } });
    sized(900);
    rerender(<LogView events={[line(1), line(2), line(3)]} trans={trans} />);
    expect(box.scrollTop).toBe(50);
    fireEvent.click(screen.getByRole('button', { name: 'Follow the end' }));
    expect([
      box.scrollTop,
      screen.queryByRole('button', { name: 'Follow the end' })
    ]).toEqual([900, null]);
  });

  it('shows errors and counts, draws only the last lines of a long log, and copies them all', () => {
    const error = {
      kind: 'tool',
      code: 'no-route',
      what: 'cannot ask',
      because: 'b',
      hint: 'h',
      tail: [],
      log: ''
    };
    const events = [
      { phase: 'lock', done: 2, total: 9 },
      ...Array.from({ length: 1000 }, (_, place) => line(place)),
      { phase: 'lock', error }
    ];
    render(<LogView events={events} trans={trans} />);
    const box = screen.getByRole('log');
    expect(box.firstElementChild?.textContent).toBe('2 earlier lines');
    expect(box.lastElementChild?.textContent).toBe(' cannot ask  [no-route]');
    expect(box.lastElementChild?.className).toBe('jp-mod-error');
    fireEvent.click(screen.getByRole('button', { name: 'Copy the log' }));
    const copied = (Clipboard.copyToSystem as jest.Mock).mock
      .lastCall[0] as string;
    expect([copied.split('\n').length, copied.split('\n')[0]]).toEqual([
      1002,
      ' lock (2/9)'
    ]);
  });
});
