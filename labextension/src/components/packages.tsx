/** Look a package up, add it, and upgrade or remove what is declared. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  Button,
  deleteIcon,
  HTMLSelect,
  refreshIcon
} from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { ReactElement } from 'react';

import { Combobox } from './combobox';
import { canonical } from './differing';
import { printable, requirements } from './texts';
import type { Row, SearchResult } from '../results';

/** What an edit does; nothing happens before its preview was seen. */
export type EditAction = 'add' | 'remove' | 'upgrade';

type Previewing = (action: EditAction, packages: string[]) => void;

/** The field that looks packages up, what was found, and the declared packages with what can be done with each. */
export function Packages(props: {
  rows: readonly Row[];
  names: readonly string[];
  onSearch: (name: string) => void;
  found?: SearchResult;
  searching: boolean;
  onComplete: (prefix: string) => void;
  onPreview: Previewing;
  busy: boolean;
  trans: TranslationBundle;
}): ReactElement {
  const { busy, found, onPreview, trans } = props;
  const [typed, setTyped] = useState('');
  const wanted = requirements(typed);
  const begun = canonical(typed.trim());
  const options = begun
    ? props.names.filter(
        name => canonical(name).startsWith(begun) && name !== typed.trim()
      )
    : [];
  const search = (name: string) => {
    setTyped(name);
    props.onSearch(name);
  };
  return (
    <div className="jp-kernelIso-packages">
      <div className="jp-kernelIso-lookup">
        <Combobox
          value={typed}
          options={options}
          label={trans.__('Package to look up or add')}
          placeholder={trans.__('Look up a package')}
          onChange={value => {
            setTyped(value);
            if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value)) {
              props.onComplete(value);
            }
          }}
          onChoose={search}
          onSubmit={text =>
            /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)
              ? search(text)
              : onPreview('add', requirements(text))
          }
        />
        <Button
          small
          className="jp-mod-styled jp-mod-accept"
          disabled={busy || wanted.length === 0}
          onClick={() => onPreview('add', wanted)}
        >
          {trans.__('Add')}
        </Button>
      </div>
      <p role="status" className="jp-kernelIso-quiet">
        {props.searching && trans.__('Looking it up…')}
      </p>
      {found && !props.searching && (
        // The choice of a version belongs to one package: another one begins anew.
        <Found
          key={found.name}
          found={found}
          onPreview={onPreview}
          busy={busy}
          trans={trans}
        />
      )}
      <Declared {...props} />
    </div>
  );
}

function Found(props: {
  found: SearchResult;
  onPreview: Previewing;
  busy: boolean;
  trans: TranslationBundle;
}): ReactElement {
  const { found, trans } = props;
  const [version, setVersion] = useState('');
  const wanted = version ? `${found.name}==${version}` : found.name;
  const day = found.newest.uploaded.slice(0, 10);
  return (
    <div className="jp-kernelIso-card" role="group" aria-label={found.name}>
      <h4>
        <span className="jp-kernelIso-name">{found.name}</span>{' '}
        {found.installed && (
          <span className="jp-kernelIso-label">
            {trans.__('%1 is installed', found.installed)}
          </span>
        )}
      </h4>
      {found.summary && <p>{printable(found.summary)}</p>}
      <p className="jp-kernelIso-quiet">
        {day
          ? trans.__(
              'newest %1, of %2, on %3',
              found.newest.version,
              day,
              found.index
            )
          : trans.__('newest %1, on %2', found.newest.version, found.index)}
      </p>
      <div className="jp-kernelIso-buttons">
        <HTMLSelect
          value={version}
          aria-label={trans.__('Version of %1', found.name)}
          onChange={event => setVersion(event.target.value)}
          options={[
            { value: '', label: trans.__('newest that fits') },
            ...found.versions.map(value => ({ value, label: value }))
          ]}
        />
        <Button
          small
          className="jp-mod-styled jp-mod-accept"
          disabled={props.busy}
          aria-label={trans.__('Add %1', wanted)}
          onClick={() => props.onPreview('add', [wanted])}
        >
          {trans.__('Add')}
        </Button>
      </div>
    </div>
  );
}

function Declared(props: {
  rows: readonly Row[];
  onPreview: Previewing;
  busy: boolean;
  trans: TranslationBundle;
}): ReactElement {
  const { busy, onPreview, trans } = props;
  const declared = props.rows.filter(
    row => row.declared || row.role === 'asked'
  );
  if (!declared.length) {
    return (
      <p className="jp-kernelIso-quiet">
        {trans.__('This notebook declares no package yet.')}
      </p>
    );
  }
  return (
    <>
      <h4 className="jp-kernelIso-listTitle">
        {trans.__('Declared')}
        <Button
          minimal
          small
          className="jp-kernelIso-link"
          disabled={busy}
          onClick={() =>
            onPreview(
              'upgrade',
              declared.map(row => row.name)
            )
          }
        >
          {trans.__('Upgrade all')}
        </Button>
      </h4>
      <ul className="jp-kernelIso-declared">
        {declared.map(row => (
          <li key={row.name}>
            <span
              className="jp-kernelIso-cut"
              title={printable(
                `${row.declared || row.name} (${versionOf(row, trans)})`
              )}
            >
              <span className="jp-kernelIso-name">{printable(row.name)}</span>{' '}
              <span className="jp-kernelIso-version">
                {printable(versionOf(row, trans))}
              </span>
            </span>
            <Button
              minimal
              small
              className="jp-kernelIso-iconButton"
              disabled={busy}
              title={trans.__('Upgrade %1', row.name)}
              aria-label={trans.__('Upgrade %1', row.name)}
              onClick={() => onPreview('upgrade', [row.name])}
            >
              <refreshIcon.react tag="span" className="jp-kernelIso-icon" />
            </Button>
            <Button
              minimal
              small
              className="jp-kernelIso-iconButton"
              disabled={busy}
              title={trans.__('Remove %1', row.name)}
              aria-label={trans.__('Remove %1', row.name)}
              onClick={() => onPreview('remove', [row.name])}
            >
              <deleteIcon.react tag="span" className="jp-kernelIso-icon" />
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}

function versionOf(row: Row, trans: TranslationBundle): string {
  return row.installed || row.locked || trans.__('not installed');
}
