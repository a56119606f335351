import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';

import { AboutProposal, Preview, TriedRun } from '..';

jest.mock('@jupyterlab/apputils', () => ({}));

const trans = nullTranslator.load('kernel-iso');
const text = () => document.body.textContent ?? '';
const ran = (failures: { cell: number; ename: string; evalue: string }[]) => ({
  cells: 7,
  failures,
  at: Date.now() / 1000
});

afterEach(cleanup);

describe('a try', () => {
  it('in which every cell ran says so', () => {
    render(<TriedRun tried={ran([])} onCell={jest.fn()} trans={trans} />);
    expect(text()).toBe('Tried just now: all 7 cells ran');
  });

  it('names each cell that failed with its error, and leads to it', () => {
    const onCell = jest.fn();
    const failures = [
      { cell: 3, ename: 'ModuleNotFoundError', evalue: "No module named 'x'" },
      { cell: 5, ename: 'KeyError', evalue: '\u202e' }
    ];
    render(<TriedRun tried={ran(failures)} onCell={onCell} trans={trans} />);
    expect(text()).toContain('Tried just now: 2 cells of 7 failed');
    expect(screen.getAllByRole('listitem').map(item => item.textContent)).toEqual([
      "Cell 3ModuleNotFoundError: No module named 'x'",
      'Cell 5KeyError: \\u202e'
    ]);
    fireEvent.click(screen.getByRole('button', { name: 'Cell 5' }));
    expect(onCell.mock.calls).toEqual([[4]]);
  });
});

describe('a proposal', () => {
  it('says which imports nothing gives', () => {
    const missing = [
      { name: 'sklearn', near: 'scikit-learn' },
      { name: 'mine', near: '' }
    ];
    render(<AboutProposal missing={missing} trans={trans} />);
    expect(text()).toContain('Nothing that is installed gives sklearn; scikit-learn may.');
    expect(text()).toContain('Nothing that is installed gives mine.');
  });

  it('can be tried where there is a way to, and not while something goes on', () => {
    const onTry = jest.fn();
    const preview = (busy: boolean, way?: () => void) => (
      <Preview
        action="isolate"
        changes={[]}
        busy={busy}
        onApply={jest.fn()}
        onTry={way}
        onCancel={jest.fn()}
        trans={trans}
      />
    );
    const { rerender } = render(preview(false));
    expect(screen.queryByRole('button', { name: 'Try' })).toBeNull();
    rerender(preview(true, onTry));
    fireEvent.click(screen.getByRole('button', { name: 'Try' }));
    expect(onTry).not.toHaveBeenCalled();
    rerender(preview(false, onTry));
    fireEvent.click(screen.getByRole('button', { name: 'Try' }));
    expect(onTry).toHaveBeenCalledTimes(1);
  });
});
