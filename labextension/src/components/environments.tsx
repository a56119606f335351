/** What can be done with a notebook's environment as a whole, and with the named ones of this machine. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  Button,
  deleteIcon,
  duplicateIcon,
  editIcon,
  HTMLSelect
} from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { ReactElement } from 'react';

import { Note } from './bits';
import { NameForm } from './nameform';
import { ago, printable } from './texts';
import type { Environment, Generation } from '../results';

const PYTHONS = ['3.14', '3.13', '3.12', '3.11', '3.10', '3.9'];
const ACCELERATORS = ['auto', 'cpu', 'cu126', 'cu128', 'cu130', 'xpu', 'mps'];

/**
 * Python and accelerator, lock, undo and redo; `note` is what else to know of a lock.
 *
 * `python` and `accelerator` are what the notebook declares ("" leaves the choice to the policy); `pythons` and
 * `accelerators` are what can be chosen.
 */
export function EnvironmentActions(props: {
  python: string;
  accelerator: string;
  pythons?: readonly string[];
  accelerators?: readonly string[];
  onUndo: () => void;
  onRedo: () => void;
  onLock: () => void;
  onPython: (version: string) => void;
  onAccelerator: (accelerator: string) => void;
  generations: readonly Generation[];
  busy: boolean;
  note?: string;
  trans: TranslationBundle;
}): ReactElement {
  const { busy, generations, note, trans } = props;
  const place = generations.findIndex(item => item.current);
  const former = place > 0 ? generations[place - 1] : undefined;
  const later = place >= 0 && place < generations.length - 1;
  return (
    <div className="jp-kernelIso-environments">
      <div className="jp-kernelIso-fields">
        <Choice
          label={trans.__('Python')}
          value={props.python}
          values={props.pythons ?? PYTHONS}
          none={trans.__('by policy')}
          disabled={busy}
          onChange={props.onPython}
        />
        <Choice
          label={trans.__('Accelerator')}
          value={props.accelerator || 'auto'}
          values={props.accelerators ?? ACCELERATORS}
          disabled={busy}
          onChange={props.onAccelerator}
        />
      </div>
      <div className="jp-kernelIso-buttons">
        <Button
          small
          className="jp-mod-styled jp-mod-accept"
          disabled={busy}
          onClick={props.onLock}
        >
          {trans.__('Lock')}
        </Button>
        <Button
          small
          className="jp-mod-styled jp-mod-reject"
          disabled={busy || !former}
          onClick={props.onUndo}
        >
          {trans.__('Undo')}
        </Button>
        <Button
          small
          className="jp-mod-styled jp-mod-reject"
          disabled={busy || !later}
          onClick={props.onRedo}
        >
          {trans.__('Redo')}
        </Button>
      </div>
      <p className="jp-kernelIso-quiet">
        {former
          ? trans._n(
              'Undo goes back to the generation of %2, with %1 package.',
              'Undo goes back to the generation of %2, with %1 packages.',
              former.packages,
              ago(former.made, Date.now() / 1000, trans)
            )
          : trans.__('There is no former generation to go back to.')}
      </p>
      {note && <Note level="note">{printable(note)}</Note>}
    </div>
  );
}

function Choice(props: {
  label: string;
  value: string;
  values: readonly string[];
  none?: string;
  disabled: boolean;
  onChange: (value: string) => void;
}): ReactElement {
  const { none, value } = props;
  // What is declared may be none of the usual ones (">=3.11,<3.14"): it stays what it is until another is chosen.
  const values =
    value && !props.values.includes(value)
      ? [value, ...props.values]
      : props.values;
  return (
    <label className="jp-kernelIso-field">
      <span>{props.label}</span>
      <HTMLSelect
        value={value}
        disabled={props.disabled}
        onChange={event => props.onChange(event.target.value)}
        options={[
          ...(none ? [{ value: '', label: none }] : []),
          ...values.map(item => ({ value: item, label: printable(item) }))
        ]}
      />
    </label>
  );
}

interface Named {
  environments: readonly Environment[] | null;
  current: string;
  onCreate: (name: string) => void;
  onClone: (from: string, to: string) => void;
  onRename: (from: string, to: string) => void;
  onRemove: (name: string) => void;
  busy: boolean;
  trans: TranslationBundle;
}

type Question = { about: 'clone' | 'rename' | 'remove'; name: string } | null;

/**
 * The list of the named environments, with what can be done with each and the field that makes another.
 *
 * `environments` is null while they are not known; `current` is the name of the one that the notebook in front runs
 * on, "" where it has its own.
 */
export function NamedEnvironments(props: Named): ReactElement {
  const { busy, environments, trans } = props;
  const [question, setQuestion] = useState<Question>(null);
  const names = (environments ?? []).map(item => item.name);
  const action = (
    about: 'clone' | 'rename' | 'remove',
    icon: LabIcon,
    name: string,
    label: string
  ) => (
    <Button
      minimal
      small
      className="jp-kernelIso-iconButton"
      disabled={busy}
      title={label}
      aria-label={label}
      onClick={() => setQuestion({ about, name })}
    >
      <icon.react tag="span" className="jp-kernelIso-icon" />
    </Button>
  );
  return (
    <div className="jp-kernelIso-environments">
      {names.length === 0 && (
        <p role="status" className="jp-kernelIso-quiet">
          {environments
            ? trans.__('There is none yet. One that you create is in the launcher at once.')
            : trans.__('Looking…')}
        </p>
      )}
      <ul className="jp-kernelIso-declared">
        {environments?.map(({ name, about }) => (
          <li key={name}>
            <span className="jp-kernelIso-lines">
              <span
                className="jp-kernelIso-name jp-kernelIso-cut"
                title={printable(name)}
              >
                {printable(name)}
              </span>
              <span
                className="jp-kernelIso-cut jp-kernelIso-quiet"
                title={printable(about ?? '')}
              >
                {name === props.current && (
                  <span className="jp-kernelIso-label">
                    {trans.__('this notebook')}
                  </span>
                )}{' '}
                {printable(about ?? '')}
              </span>
            </span>
            {action('clone', duplicateIcon, name, trans.__('Clone %1', name))}
            {action('rename', editIcon, name, trans.__('Rename %1', name))}
            {action('remove', deleteIcon, name, trans.__('Remove %1', name))}
            {question?.name === name && (
              <Answer
                {...props}
                question={question}
                names={names}
                onDone={() => setQuestion(null)}
              />
            )}
          </li>
        ))}
      </ul>
      <NameForm
        label={trans.__('Name of a new environment')}
        button={trans.__('Create')}
        names={names}
        busy={busy}
        onName={props.onCreate}
        trans={trans}
      />
    </div>
  );
}

function Answer(
  props: Named & {
    question: NonNullable<Question>;
    names: string[];
    onDone: () => void;
  }
): ReactElement {
  const { busy, names, onDone, question, trans } = props;
  const { about, name } = question;
  const cancel = (
    <Button small className="jp-mod-styled jp-mod-reject" onClick={onDone}>
      {trans.__('Cancel')}
    </Button>
  );
  if (about === 'remove') {
    return (
      <div
        className="jp-kernelIso-answer"
        role="group"
        aria-label={trans.__('Remove %1', name)}
      >
        <p role="status">
          {trans.__(
            'Remove %1 and its files? Notebooks that run on it need another kernel then.',
            name
          )}
        </p>
        <div className="jp-kernelIso-buttons">
          <Button
            small
            className="jp-mod-styled jp-mod-warn"
            disabled={busy}
            onClick={() => {
              onDone();
              props.onRemove(name);
            }}
          >
            {trans.__('Remove')}
          </Button>
          {cancel}
        </div>
      </div>
    );
  }
  return (
    <div className="jp-kernelIso-answer">
      <NameForm
        label={
          about === 'clone'
            ? trans.__('Name of the clone of %1', name)
            : trans.__('New name of %1', name)
        }
        button={about === 'clone' ? trans.__('Clone') : trans.__('Rename')}
        names={names}
        busy={busy}
        focused
        onName={to => {
          onDone();
          (about === 'clone' ? props.onClone : props.onRename)(name, to);
        }}
        trans={trans}
      >
        {cancel}
      </NameForm>
    </div>
  );
}
