/** A part of the panel that opens and closes, and what stands where there is nothing. */

import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { useId } from 'react';
import type { ReactElement, ReactNode } from 'react';

/** A part with a heading that opens and closes it, and a short badge beside the title. */
export function Section(props: {
  title: string;
  open: boolean;
  onToggle: () => void;
  children: ReactNode;
  badge?: ReactNode;
}): ReactElement {
  const id = useId();
  const Caret = (props.open ? caretDownIcon : caretRightIcon).react;
  return (
    <section className="jp-kernelIso-section">
      <h3 className="jp-kernelIso-sectionTitle">
        <button
          type="button"
          aria-expanded={props.open}
          aria-controls={props.open ? id : undefined}
          onClick={props.onToggle}
        >
          <Caret tag="span" className="jp-kernelIso-icon" />
          <span className="jp-kernelIso-cut" title={props.title}>
            {props.title}
          </span>
          {props.badge !== undefined && props.badge !== '' && (
            <span className="jp-kernelIso-badge">{props.badge}</span>
          )}
        </button>
      </h3>
      {props.open && (
        <div id={id} className="jp-kernelIso-sectionBody jp-kernelIso-box">
          {props.children}
        </div>
      )}
    </section>
  );
}

/** What stands where there is nothing to show, and what can be done about it. */
export function Empty(props: {
  title: string;
  text: string;
  action?: ReactNode;
}): ReactElement {
  return (
    <div className="jp-kernelIso-empty">
      <p className="jp-kernelIso-emptyTitle">{props.title}</p>
      <p>{props.text}</p>
      {props.action}
    </div>
  );
}
