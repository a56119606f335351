/** Why the environment is as it is. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { Told } from './bits';
import type { Reason } from '../results';

/** The reasons of the Plan, each with the name of the rule that decided. */
export function Why(props: {
  reasons: readonly Reason[];
  trans: TranslationBundle;
}): ReactElement {
  if (!props.reasons.length) {
    return (
      <p className="jp-kernelIso-quiet">
        {props.trans.__('No rule had to decide anything: nothing is declared.')}
      </p>
    );
  }
  return (
    <ul className="jp-kernelIso-why">
      {props.reasons.map((reason, place) => (
        <li key={place}>
          <span className="jp-kernelIso-label">{reason.rule}</span>
          <span>
            <Told text={reason.text} />
          </span>
        </li>
      ))}
    </ul>
  );
}
