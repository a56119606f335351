/** What an edit would change, before it does. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { ReactElement, ReactNode } from 'react';

import { printable } from './texts';
import type { Change } from '../results';

/**
 * Everything that an edit would install, change and remove; nothing happens before *Apply*. Where it can be tried by a
 * run there is `onTry`; `children` are what else is to be known before it is applied.
 */
export function Preview(props: {
  action: string;
  changes: readonly Change[];
  busy: boolean;
  onApply: () => void;
  onTry?: () => void;
  children?: ReactNode;
  onCancel: () => void;
  trans: TranslationBundle;
}): ReactElement {
  const { changes, trans } = props;
  const groups: [string, string, Change[]][] = [
    ['+', trans.__('New'), changes.filter(item => !item.before)],
    [
      '→',
      changes.some(item => item.choice)
        ? trans.__('Other choice or version')
        : trans.__('Other version'),
      changes.filter(item => item.before && item.after)
    ],
    [
      '−',
      trans.__('Removed'),
      changes.filter(item => item.before && !item.after)
    ]
  ];
  return (
    <div
      className="jp-kernelIso-preview"
      role="group"
      aria-label={trans.__('What would change')}
    >
      <p role="status" className="jp-kernelIso-previewTitle">
        {titleOf(props.action, changes, trans)}
      </p>
      {groups.map(
        ([sign, title, items]) =>
          items.length > 0 && (
            <div key={sign}>
              <h4>
                {title} ({items.length})
              </h4>
              <ul className="jp-kernelIso-changes">
                {items.map(item => (
                  <li key={item.name}>
                    <span className="jp-kernelIso-sign" aria-hidden="true">
                      {sign}
                    </span>
                    <span className="jp-kernelIso-name">
                      {printable(item.name)}
                    </span>
                    <span className="jp-kernelIso-version">
                      {versionsOf(item)}
                    </span>
                  </li>
                ))}
              </ul>
            </div>
          )
      )}
      {props.children}
      <div className="jp-kernelIso-buttons">
        <Button
          small
          className="jp-mod-styled jp-mod-accept"
          disabled={props.busy}
          onClick={props.onApply}
        >
          {trans.__('Apply')}
        </Button>
        {props.onTry && (
          <Button
            small
            className="jp-mod-styled jp-mod-reject"
            disabled={props.busy}
            title={trans.__('Run a copy of the notebook in this environment')}
            onClick={props.onTry}
          >
            {trans.__('Try')}
          </Button>
        )}
        <Button
          small
          className="jp-mod-styled jp-mod-reject"
          onClick={props.onCancel}
        >
          {trans.__('Cancel')}
        </Button>
      </div>
    </div>
  );
}

function titleOf(
  action: string,
  changes: readonly Change[],
  trans: TranslationBundle
): string {
  const count = changes.length;
  const word = wordOf(action, trans);
  if (changes.some(item => item.choice)) {
    return trans._n('%2: %1 change', '%2: %1 changes', count, word);
  }
  if (action === 'isolate') {
    return count
      ? trans._n(
          '%2: %1 package would be declared',
          '%2: %1 packages would be declared',
          count,
          word
        )
      : trans.__('%1: nothing is to be declared', word);
  }
  return count
    ? trans._n(
        '%2: %1 package would change',
        '%2: %1 packages would change',
        count,
        word
      )
    : trans.__('%1: no installed package would change', word);
}

function versionsOf(item: Change): string {
  return printable([item.before, item.after].filter(Boolean).join(' → '));
}

function wordOf(action: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    add: trans.__('Add'),
    remove: trans.__('Remove'),
    choose: trans.__('Choose'),
    upgrade: trans.__('Upgrade'),
    undo: trans.__('Undo'),
    redo: trans.__('Redo'),
    isolate: trans.__('Isolate')
  };
  return words[action] ?? action;
}
