/** A field that completes what is typed (the editable combobox of ARIA 1.2, with a listbox). */

import { InputGroup } from '@jupyterlab/ui-components';
import { useId, useState } from 'react';
import type { KeyboardEvent, ReactElement } from 'react';

/**
 * A field with a list of completions below it.
 *
 * Arrows walk through the list, Enter takes the one that is marked, or else submits what was typed, Escape closes the
 * list and then empties the field. `onChoose` hears of a completion that was taken, `onSubmit` of a text.
 */
export function Combobox(props: {
  value: string;
  options: readonly string[];
  label: string;
  placeholder: string;
  disabled?: boolean;
  onChange: (value: string) => void;
  onChoose: (value: string) => void;
  onSubmit: (value: string) => void;
}): ReactElement {
  const { options, value } = props;
  const id = useId();
  const [wanted, setWanted] = useState(false);
  const [marked, setMarked] = useState(-1);
  const open = wanted && options.length > 0;
  const active = open && marked < options.length ? marked : -1;

  const choose = (option: string) => {
    setWanted(false);
    setMarked(-1);
    props.onChoose(option);
  };
  const move = (event: KeyboardEvent, to: number) => {
    event.preventDefault();
    setWanted(true);
    setMarked(options.length ? (to + options.length) % options.length : -1);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    switch (event.key) {
      case 'ArrowDown':
        move(event, active + 1);
        break;
      case 'ArrowUp':
        move(event, active < 0 ? options.length - 1 : active - 1);
        break;
      case 'Enter':
        event.preventDefault();
        if (active >= 0) {
          choose(options[active]);
        } else if (value.trim()) {
          setWanted(false);
          props.onSubmit(value.trim());
        }
        break;
      case 'Escape':
        if (open) {
          setWanted(false);
        } else {
          props.onChange('');
        }
        event.preventDefault();
        event.stopPropagation();
        break;
    }
  };
  return (
    <div className="jp-kernelIso-combobox">
      <InputGroup
        type="text"
        role="combobox"
        aria-label={props.label}
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={value}
        placeholder={props.placeholder}
        disabled={props.disabled}
        rightIcon="ui-components:search"
        onChange={event => {
          setWanted(true);
          setMarked(-1);
          props.onChange(event.target.value);
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setWanted(false)}
      />
      {open && (
        <ul
          id={id}
          role="listbox"
          aria-label={props.label}
          className="jp-kernelIso-options"
        >
          {options.map((option, place) => (
            <li
              key={option}
              id={`${id}-${place}`}
              role="option"
              aria-selected={place === active}
              className={place === active ? 'jp-mod-active' : ''}
              // The press must not take the focus from the field, which would close the list before the click.
              onMouseDown={event => event.preventDefault()}
              onClick={() => choose(option)}
              ref={element => {
                if (place === active) {
                  element?.scrollIntoView?.({ block: 'nearest' });
                }
              }}
            >
              {option}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
