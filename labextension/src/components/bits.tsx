/** The small parts that several components are made of. */

import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  Button,
  checkIcon,
  copyIcon,
  errorIcon,
  infoIcon
} from '@jupyterlab/ui-components';
import { useEffect, useState } from 'react';
import type { ReactElement, ReactNode } from 'react';

import { warningIcon } from '../icons';
import { printable } from './texts';

/** A text in which `backticks` mark what is typed or named. */
export function Told(props: { text: string }): ReactElement {
  const parts = printable(props.text).split('`');
  // An odd number of marks: the last one is a character like any other.
  if (parts.length % 2 === 0) {
    const last = parts.pop();
    parts[parts.length - 1] += `\`${last}`;
  }
  return (
    <>
      {parts.map((part, place) =>
        place % 2 ? <code key={place}>{part}</code> : part
      )}
    </>
  );
}

/** How much a sentence matters. */
export type Level = 'good' | 'note' | 'warning' | 'error';

const ICONS = {
  good: checkIcon,
  note: infoIcon,
  warning: warningIcon,
  error: errorIcon
};

/** A sentence with the icon of its level. */
export function Note(props: {
  level: Level;
  children: ReactNode;
}): ReactElement {
  const Icon = ICONS[props.level].react;
  return (
    <div className={`jp-kernelIso-note jp-mod-${props.level}`}>
      <Icon tag="span" className="jp-kernelIso-icon" />
      <div className="jp-kernelIso-noteText">{props.children}</div>
    </div>
  );
}

/** A button that copies `text` and says so for a while. */
export function CopyButton(props: {
  text: string;
  label: string;
  trans: TranslationBundle;
}): ReactElement {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) {
      return undefined;
    }
    const timer = window.setTimeout(() => setCopied(false), 2000);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const label = copied ? props.trans.__('Copied') : props.label;
  const Icon = (copied ? checkIcon : copyIcon).react;
  return (
    <Button
      minimal
      small
      className="jp-kernelIso-iconButton"
      title={label}
      aria-label={label}
      onClick={() => {
        Clipboard.copyToSystem(props.text);
        setCopied(true);
      }}
    >
      <Icon tag="span" className="jp-kernelIso-icon" />
    </Button>
  );
}

/** One line of a list of facts: what it is called, and its value. */
export function Fact(props: {
  name: string;
  children: ReactNode;
}): ReactElement {
  return (
    <div className="jp-kernelIso-fact">
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** A path or a digest in one line: cut where there is no room, whole as its title, with a button that copies it. */
export function Copyable(props: {
  text: string;
  label: string;
  trans: TranslationBundle;
}): ReactElement {
  return (
    <span className="jp-kernelIso-copyable">
      <span
        className="jp-kernelIso-cut jp-kernelIso-mono"
        title={printable(props.text)}
      >
        <bdi dir="ltr">{printable(props.text)}</bdi>
      </span>
      <CopyButton {...props} />
    </span>
  );
}

/** A column of a table that becomes a stack of labelled lines where there is no room for columns. */
export interface Column {
  id: string;
  label: string;
  /** What stands in the head instead of the label (a button that sorts). */
  head?: ReactNode;
  sorted?: 'ascending' | 'descending';
}

/** A row of such a table: a cell for every column ("" is drawn as a dash), and a note below the first. */
export interface TableRow {
  key: string;
  cells: Record<string, ReactNode>;
  note?: ReactNode;
  className?: string;
}

/** A table that can be read at 280 px. The roles stay what they are when CSS lays the cells out as a stack. */
export function Table(props: {
  label: string;
  columns: readonly Column[];
  rows: readonly TableRow[];
}): ReactElement {
  const { columns } = props;
  return (
    <table
      // Where the cells carry their labels, a head that cannot be pressed is drawn for nobody.
      className={`jp-kernelIso-table ${columns.some(column => column.head) ? '' : 'jp-mod-plain'}`}
      role="table"
      aria-label={props.label}
    >
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(column => (
            <th
              key={column.id}
              role="columnheader"
              scope="col"
              aria-sort={column.sorted}
              className={`jp-kernelIso-col-${column.id}`}
            >
              {column.head ?? column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {props.rows.map(row => (
          <tr key={row.key} role="row" className={row.className}>
            {columns.map((column, place) => (
              <td
                key={column.id}
                role="cell"
                data-label={column.label}
                className={`jp-kernelIso-col-${column.id}`}
              >
                {row.cells[column.id] || (
                  <span className="jp-kernelIso-none" aria-hidden="true">
                    –
                  </span>
                )}
                {place === 0 && row.note}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
