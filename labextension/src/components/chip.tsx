/** The state of a notebook's environment in its toolbar. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  checkIcon,
  errorIcon,
  notTrustedIcon
} from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { driftedIcon, kernelIsoIcon } from '../icons';
import type { Status } from '../state';

const ICONS = {
  loading: kernelIsoIcon,
  'not-made': kernelIsoIcon,
  ready: checkIcon,
  drifted: driftedIcon,
  review: notTrustedIcon,
  failed: errorIcon
};

/** A toolbar button that says the state and opens the panel. A notebook that is none of ours has none. */
export function Chip(props: {
  status: Status;
  percent?: number | null;
  trans: TranslationBundle;
  onClick: () => void;
}): ReactElement | null {
  const { status, trans } = props;
  if (status === 'plain') {
    return null;
  }
  const part = props.percent ?? null;
  const text = wordOf(status, part, trans);
  const Icon = status === 'preparing' ? null : ICONS[status].react;
  return (
    <button
      type="button"
      className={`jp-kernelIso-chip jp-mod-${status}`}
      title={trans.__('Environment: %1. Opens the panel.', text)}
      aria-label={trans.__('Environment: %1', text)}
      onClick={props.onClick}
    >
      {Icon ? (
        <Icon tag="span" className="jp-kernelIso-icon" />
      ) : (
        <Ring percent={part} />
      )}
      <span className="jp-kernelIso-chipText">{text}</span>
    </button>
  );
}

function wordOf(
  status: Status,
  part: number | null,
  trans: TranslationBundle
): string {
  switch (status) {
    case 'not-made':
      return trans.__('not made yet');
    case 'ready':
      return trans.__('ready');
    case 'preparing':
      return part === null
        ? trans.__('preparing')
        : trans.__('preparing %1 %', part);
    case 'drifted':
      return trans.__('drifted');
    case 'review':
      return trans.__('needs review');
    case 'failed':
      return trans.__('failed');
    default:
      return trans.__('looking');
  }
}

/** A ring that fills; one that turns where it is not known how far things are. */
function Ring(props: { percent: number | null }): ReactElement {
  const around = 2 * Math.PI * 6;
  const drawn = (around * (props.percent ?? 25)) / 100;
  return (
    <svg
      viewBox="0 0 16 16"
      className={`jp-kernelIso-ring ${props.percent === null ? 'jp-mod-indeterminate' : ''}`}
      aria-hidden="true"
    >
      <circle cx="8" cy="8" r="6" />
      <circle cx="8" cy="8" r="6" strokeDasharray={`${drawn} ${around}`} />
    </svg>
  );
}
