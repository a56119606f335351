/** The clean-up of what is selected, with the question before it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { ReactElement } from 'react';

import type { OverviewRow } from '../results';
import { Note } from './bits';
import { bytes, printable } from './texts';

/** A button that asks how much would be deleted; `onClean` hears of the keys when a person says yes. */
export function CleanUp(props: {
  chosen: readonly OverviewRow[];
  busy: boolean;
  onClean: (keys: string[]) => void;
  trans: TranslationBundle;
}): ReactElement {
  const { chosen, trans } = props;
  // The question belongs to what was selected when it was asked.
  const keys = chosen.map(row => row.key);
  const [asked, setAsked] = useState('');
  const asking = keys.length > 0 && asked === keys.join();
  const size = bytes(chosen.reduce((sum, row) => sum + row.unique_bytes, 0));
  return (
    <div className="jp-kernelIso-cleanUp">
      {asking ? (
        <div role="group" aria-label={trans.__('Confirm the clean-up')}>
          <p role="status">
            {trans._n(
              'Delete %1 environment and free %2? It is made again when it is needed.',
              'Delete %1 environments and free %2? They are made again when they are needed.',
              keys.length,
              size
            )}
          </p>
          <div className="jp-kernelIso-buttons">
            <Button
              small
              className="jp-mod-styled jp-mod-warn"
              onClick={() => {
                setAsked('');
                props.onClean(keys);
              }}
            >
              {trans.__('Delete')}
            </Button>
            <Button
              small
              className="jp-mod-styled jp-mod-reject"
              onClick={() => setAsked('')}
            >
              {trans.__('Keep')}
            </Button>
          </div>
        </div>
      ) : (
        <Button
          small
          className="jp-mod-styled jp-mod-reject"
          disabled={keys.length === 0 || props.busy}
          onClick={() => setAsked(keys.join())}
        >
          {keys.length
            ? trans._n(
                'Clean up %1 (%2)…',
                'Clean up %1 (%2)…',
                keys.length,
                size
              )
            : trans.__('Clean up…')}
        </Button>
      )}
    </div>
  );
}

/** What the last clean-up freed, and what it left with the reason; nothing where there was none. */
export function CleanedUp(props: {
  rows: readonly OverviewRow[];
  refused: readonly (readonly [string, string])[];
  freed: number | null;
  trans: TranslationBundle;
}): ReactElement | null {
  const { freed, trans } = props;
  if (freed === null) {
    return null;
  }
  const nameOf = (key: string) =>
    props.rows.find(row => row.key === key)?.label ?? key;
  return (
    <div role="status">
      {freed > 0 && (
        <Note level="good">{trans.__('Freed %1.', bytes(freed))}</Note>
      )}
      {props.refused.map(([key, because]) => (
        <Note key={key} level="warning">
          {trans.__('%1 stays: %2', printable(nameOf(key)), because)}
        </Note>
      ))}
    </div>
  );
}
