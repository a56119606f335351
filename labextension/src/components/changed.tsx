/** What changed: declared, locked, installed and imported beside each other. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button, InputGroup } from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { ReactElement } from 'react';

import { Note, Table } from './bits';
import { fourWay } from './differing';
import type { FourWay } from './differing';
import { printable } from './texts';
import type { Change, Row } from '../results';

/** More rows than these get a box that filters them. */
const MANY = 15;

/** The packages whose versions differ, or all of them; `imported` is what the running kernel has loaded. */
export function Changed(props: {
  rows: readonly Row[];
  imported?: Readonly<Record<string, string>>;
  drift: readonly Change[];
  machineDrift: readonly string[];
  trans: TranslationBundle;
}): ReactElement {
  const { trans } = props;
  const [all, setAll] = useState(false);
  const [filter, setFilter] = useState('');
  const every = fourWay(props.rows, props.drift, props.imported);
  const differs = (row: FourWay) => row.differs !== '' || row.stale;
  const differing = every.filter(differs);
  const candidates = all
    ? [...differing, ...every.filter(row => !differs(row))]
    : differing;
  const filtering = candidates.length > MANY;
  const wanted = filtering ? filter.trim().toLowerCase() : '';
  const rows = candidates.filter(row =>
    row.name.toLowerCase().includes(wanted)
  );
  return (
    <div className="jp-kernelIso-changed">
      {props.machineDrift.map(sentence => (
        <Note key={sentence} level="warning">
          {printable(sentence)}
        </Note>
      ))}
      {differing.length === 0 && every.length > 0 && (
        <Note level="good">
          {props.imported
            ? trans.__('What is declared, locked, installed and imported agrees.')
            : trans.__('What is declared, locked and installed agrees.')}
        </Note>
      )}
      {every.length === 0 && (
        <p className="jp-kernelIso-quiet">
          {trans.__('There is nothing to compare yet.')}
        </p>
      )}
      {filtering && (
        <InputGroup
          type="search"
          value={filter}
          placeholder={trans.__('Filter by name')}
          aria-label={trans.__('Filter packages by name')}
          rightIcon="ui-components:search"
          onChange={event => setFilter(event.target.value)}
        />
      )}
      {rows.length > 0 && (
        <Table
          label={trans.__(
            'Packages as declared, locked, installed and imported'
          )}
          columns={[
            { id: 'name', label: trans.__('Package') },
            { id: 'declared', label: trans.__('declared') },
            { id: 'locked', label: trans.__('locked') },
            { id: 'installed', label: trans.__('installed') },
            ...(props.imported
              ? [{ id: 'imported', label: trans.__('imported') }]
              : [])
          ]}
          rows={rows.map(row => ({
            key: row.name,
            className: differs(row) ? 'jp-mod-differs' : '',
            cells: {
              name: (
                <span className="jp-kernelIso-name">{printable(row.name)}</span>
              ),
              declared:
                row.declared && printable(declaredOf(row.declared, trans)),
              locked: printable(row.locked),
              installed: printable(row.installed),
              imported: printable(row.imported)
            },
            note: differs(row) && (
              <>
                {row.differs && (
                  <Note level="warning">{sentenceOf(row, trans)}</Note>
                )}
                {row.stale && (
                  <Note level="warning">
                    {trans.__(
                      'the kernel still runs %1: restart it to use %2',
                      printable(row.imported),
                      printable(row.installed)
                    )}
                  </Note>
                )}
              </>
            )
          }))}
        />
      )}
      {filtering && rows.length === 0 && (
        <p className="jp-kernelIso-quiet">
          {trans.__('No package has this in its name.')}
        </p>
      )}
      {every.length > differing.length && (
        <Button
          minimal
          small
          className="jp-kernelIso-link"
          aria-pressed={all}
          onClick={() => setAll(!all)}
        >
          {all
            ? trans.__('Show only what differs')
            : trans._n(
                'Show the %1 package',
                'Show all %1 packages',
                every.length
              )}
        </Button>
      )}
    </div>
  );
}

/** A requirement without its name, which stands beside it: ">=2". */
function declaredOf(requirement: string, trans: TranslationBundle): string {
  return (
    requirement.replace(/^[A-Za-z0-9][A-Za-z0-9._-]*\s*/, '') || trans.__('any')
  );
}

function sentenceOf(row: FourWay, trans: TranslationBundle): string {
  switch (row.differs) {
    case 'changed':
      return trans.__(
        '%1 was made, %2 is there now',
        row.before || row.locked,
        row.installed
      );
    case 'added':
      return trans.__('installed by hand: no lock holds it');
    case 'gone':
      return trans.__('removed by hand');
    case 'not-installed':
      return trans.__('locked, but not installed');
    case 'not-made':
      return trans.__('declared, but not installed yet');
    default:
      return trans.__('declared, but the lock is older');
  }
}
