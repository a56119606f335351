/** Every environment and notebook of this machine: what it takes, when it was used, and what can go. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  Button,
  caretDownIcon,
  caretUpIcon,
  InputGroup,
  refreshIcon
} from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { Note, Table } from './bits';
import { CleanedUp, CleanUp } from './cleanup';
import { ago, bytes, printable } from './texts';
import type { Overview as Measured, OverviewRow } from '../results';

/** The columns that it can be sorted by. */
const COLUMNS = [
  'label',
  'unique_bytes',
  'shared_bytes',
  'used',
  'generation'
] as const;

type By = (typeof COLUMNS)[number];

interface Sort {
  by: By;
  descending: boolean;
}

interface Actions {
  selected: readonly string[];
  onSelect: (keys: string[]) => void;
  trans: TranslationBundle;
}

/**
 * The table with its filter, and the clean-up of what is selected.
 *
 * `overview` is null while nothing was measured yet; `selected` are keys of prefixes; `refused` are those that the last
 * clean-up left, each with the reason, and `freed` what it freed in bytes. `sort` is the field of the rows that orders them: names from A, all others from
 * the largest or latest, and the other way round with a minus ("-used").
 */
export function Overview(
  props: Actions & {
    overview: Measured | null;
    looking: boolean;
    busy: boolean;
    refused: readonly (readonly [string, string])[];
    freed: number | null;
    onClean: (keys: string[]) => void;
    onOpen: (row: OverviewRow) => void;
    onLook: () => void;
    sort: string;
    onSort: (sort: string) => void;
    filter: string;
    onFilter: (text: string) => void;
  }
): ReactElement {
  const { onFilter, onSelect, overview, selected, trans } = props;
  const every = overview?.rows ?? [];
  const sort = sortOf(props.sort);
  const wanted = props.filter.trim().toLowerCase();
  const rows = every
    .filter(row => `${row.label} ${row.path}`.toLowerCase().includes(wanted))
    .sort((one, other) => compare(one, other, sort));
  const chosen = every.filter(
    row => selected.includes(row.key) && removable(row)
  );
  const orphans = every.filter(
    row => row.state === 'orphan' && removable(row)
  );
  const now = Date.now() / 1000;
  const column = (id: By, label: string) => ({
    id,
    label,
    sorted:
      sort.by !== id
        ? undefined
        : sort.descending
          ? ('descending' as const)
          : ('ascending' as const),
    head: <SortButton id={id} label={label} sort={sort} onSort={props.onSort} />
  });
  return (
    <div className="jp-kernelIso-overview jp-kernelIso-box">
      <div className="jp-kernelIso-progressLine">
        <p role="status">
          {props.looking || !overview
            ? trans.__('Measuring…')
            : trans.__(
                '%1 in all, %2 free on the disk',
                bytes(overview.total_bytes),
                bytes(overview.free_bytes)
              )}
        </p>
        <Button
          minimal
          small
          className="jp-kernelIso-iconButton"
          disabled={props.looking}
          title={trans.__('Measure again')}
          aria-label={trans.__('Measure again')}
          onClick={props.onLook}
        >
          <refreshIcon.react tag="span" className="jp-kernelIso-icon" />
        </Button>
      </div>
      <InputGroup
        type="search"
        value={props.filter}
        placeholder={trans.__('Filter by name')}
        aria-label={trans.__('Filter environments by name')}
        rightIcon="ui-components:search"
        onChange={event => onFilter(event.target.value)}
      />
      {orphans.length > 0 && (
        <Button
          minimal
          small
          className="jp-kernelIso-link"
          onClick={() => onSelect(orphans.map(row => row.key))}
        >
          {trans._n(
            'Select %1 that nothing starts any more',
            'Select %1 that nothing starts any more',
            orphans.length
          )}
        </Button>
      )}
      <CleanUp
        chosen={chosen}
        busy={props.busy}
        onClean={props.onClean}
        trans={trans}
      />
      <CleanedUp {...props} rows={every} />
      {rows.length > 0 ? (
        <Table
          label={trans.__('Environments on this machine')}
          columns={[
            column('label', trans.__('Name')),
            column('unique_bytes', trans.__('own')),
            column('shared_bytes', trans.__('shared')),
            column('used', trans.__('used')),
            column('generation', trans.__('generation'))
          ]}
          rows={rows.map(row => ({
            key: `${row.owner} ${row.key}`,
            cells: {
              label: (
                <Name
                  row={row}
                  selected={selected}
                  onSelect={onSelect}
                  onOpen={props.onOpen}
                  trans={trans}
                />
              ),
              unique_bytes: row.key && bytes(row.unique_bytes),
              shared_bytes: row.key && bytes(row.shared_bytes),
              used: (
                <span
                  title={
                    row.used
                      ? new Date(row.used * 1000).toLocaleString()
                      : undefined
                  }
                >
                  {ago(row.used, now, trans)}
                </span>
              ),
              generation: row.generation ? String(row.generation) : ''
            },
            note: <About row={row} trans={trans} />
          }))}
        />
      ) : (
        <p className="jp-kernelIso-quiet">
          {every.length
            ? trans.__('No environment has this in its name.')
            : overview &&
              trans.__('No environment was made on this machine yet.')}
        </p>
      )}
    </div>
  );
}

/** True where a clean-up can take it: it is there, and no kernel runs in it. */
function removable(row: OverviewRow): boolean {
  return row.key !== '' && row.state !== 'in-use';
}

function sortOf(text: string): Sort {
  const by = COLUMNS.find(name => name === text.replace(/^-/, ''));
  return by
    ? { by, descending: (by !== 'label') !== text.startsWith('-') }
    : { by: 'used', descending: true };
}

function compare(one: OverviewRow, other: OverviewRow, sort: Sort): number {
  const first = one[sort.by];
  const second = other[sort.by];
  const order =
    typeof first === 'string'
      ? first.localeCompare(String(second))
      : first - Number(second);
  return (
    (sort.descending ? -order : order) || one.label.localeCompare(other.label)
  );
}

function SortButton(props: {
  id: By;
  label: string;
  sort: Sort;
  onSort: (sort: string) => void;
}): ReactElement {
  const { id, sort } = props;
  const here = sort.by === id;
  const Caret = (sort.descending ? caretDownIcon : caretUpIcon).react;
  return (
    <button
      type="button"
      className="jp-kernelIso-sort"
      // A second press turns the order round.
      onClick={() =>
        props.onSort(
          here && sort.descending === (id !== 'label') ? `-${id}` : id
        )
      }
    >
      {props.label}
      {here && <Caret tag="span" className="jp-kernelIso-icon" />}
    </button>
  );
}

function Name(
  props: Actions & { row: OverviewRow; onOpen: (row: OverviewRow) => void }
): ReactElement {
  const { onSelect, row, selected, trans } = props;
  const label = printable(row.label);
  return (
    <span className="jp-kernelIso-choice">
      <input
        type="checkbox"
        checked={removable(row) && selected.includes(row.key)}
        disabled={!removable(row)}
        title={
          row.state === 'in-use' ? trans.__('A kernel runs in it') : undefined
        }
        aria-label={trans.__('Select %1', label)}
        onChange={event =>
          onSelect(
            event.target.checked
              ? [...selected, row.key]
              : selected.filter(key => key !== row.key)
          )
        }
      />
      {row.exists && row.served ? (
        <button
          type="button"
          className="jp-kernelIso-open jp-kernelIso-cut"
          title={printable(row.path)}
          onClick={() => props.onOpen(row)}
        >
          {label}
        </button>
      ) : (
        <span className="jp-kernelIso-cut" title={printable(row.path)}>
          {label}
        </span>
      )}
    </span>
  );
}

function About(props: {
  row: OverviewRow;
  trans: TranslationBundle;
}): ReactElement {
  const { row, trans } = props;
  const about = [
    row.kind === 'environment' ? trans.__('environment') : trans.__('notebook'),
    row.python && `Python ${row.python}`,
    row.accelerator,
    row.current === false && trans.__('former generation'),
    row.key
      ? trans._n('%1 package', '%1 packages', row.packages)
      : trans.__('not made')
  ];
  return (
    <div className="jp-kernelIso-quiet">
      {row.state === 'orphan' && (
        <Note level="warning">
          {row.exists
            ? trans.__('nothing starts it any more')
            : trans.__('its notebook is gone')}
        </Note>
      )}
      {row.state === 'in-use' && <Note level="good">{trans.__('in use')}</Note>}
      {about.filter(Boolean).join(' · ')}
    </div>
  );
}
