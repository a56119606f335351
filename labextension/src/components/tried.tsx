/** How a notebook ran when a proposal was tried, and what a try is. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { Note, Told } from './bits';
import { ago, printable } from './texts';
import type { Tried } from '../results';
import type { Missing } from '../view';

/** The outcome of a try; a click on a cell that failed leads to it. */
export function TriedRun(props: {
  tried: Tried & { at: number };
  onCell: (index: number) => void;
  trans: TranslationBundle;
}): ReactElement {
  const { tried, trans } = props;
  const { cells, failures } = tried;
  const when = ago(tried.at, Date.now() / 1000, trans);
  return (
    <div role="status" className="jp-kernelIso-tried">
      {failures.length === 0 ? (
        <Note level="good">
          {trans._n('Tried %2: its only cell ran', 'Tried %2: all %1 cells ran', cells, when)}
        </Note>
      ) : (
        <Note level="error">
          {trans._n(
            'Tried %2: %1 cell of %3 failed',
            'Tried %2: %1 cells of %3 failed',
            failures.length,
            when,
            cells
          )}
        </Note>
      )}
      <ul className="jp-kernelIso-failures">
        {failures.map(({ cell, ename, evalue }) => (
          <li key={cell}>
            <Button
              minimal
              small
              className="jp-kernelIso-link"
              onClick={() => props.onCell(cell - 1)}
            >
              {trans.__('Cell %1', cell)}
            </Button>
            <code>{printable([ename, evalue].filter(Boolean).join(': '))}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What a proposal lacks, and what trying it does. */
export function AboutProposal(props: {
  missing: readonly Missing[];
  trans: TranslationBundle;
}): ReactElement {
  const { missing, trans } = props;
  return (
    <>
      {missing.map(({ name, near }) => (
        <Note key={name} level="warning">
          <Told
            text={
              near
                ? trans.__('Nothing that is installed gives `%1`; `%2` may.', name, near)
                : trans.__('Nothing that is installed gives `%1`.', name)
            }
          />
        </Note>
      ))}
      <p className="jp-kernelIso-quiet">
        {trans.__(
          'Try runs a copy of all cells in this environment. The notebook, its outputs and its kernel stay as they are; files that cells write are written.'
        )}
      </p>
    </>
  );
}
