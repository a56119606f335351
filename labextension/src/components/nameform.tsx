/** A name for an environment, checked as it is typed. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button, InputGroup } from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { FormEvent, ReactElement } from 'react';

/** What the store takes for a name (`safe_name` has the last word). */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._-]{0,63}$/u;

/** A field for a name that none of `names` is, with the button that submits it, and `children` beside the button. */
export function NameForm(props: {
  label: string;
  button: string;
  names: readonly string[];
  busy: boolean;
  focused?: boolean;
  onName: (name: string) => void;
  trans: TranslationBundle;
  children?: ReactElement;
}): ReactElement {
  const { names, trans } = props;
  const [typed, setTyped] = useState('');
  const name = typed.trim();
  const taken = names.some(other => other.toLowerCase() === name.toLowerCase());
  const problem = taken
    ? trans.__('There is one with this name.')
    : name && !NAME.test(name)
      ? trans.__('Only letters, digits and - _ . please, and not more than 64.')
      : '';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name && !problem && !props.busy) {
      setTyped('');
      props.onName(name);
    }
  };
  return (
    <form className="jp-kernelIso-nameForm" onSubmit={submit}>
      <InputGroup
        type="text"
        value={typed}
        placeholder={props.label}
        aria-label={props.label}
        aria-invalid={problem !== ''}
        autoFocus={props.focused}
        onChange={event => setTyped(event.target.value)}
      />
      <div className="jp-kernelIso-buttons">
        <Button
          small
          type="submit"
          className="jp-mod-styled jp-mod-accept"
          disabled={props.busy || !name || problem !== ''}
        >
          {props.button}
        </Button>
        {props.children}
      </div>
      <p role="status" className="jp-kernelIso-quiet">
        {problem}
      </p>
    </form>
  );
}
