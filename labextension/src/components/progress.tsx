/** What happens at present, how far it is, and a way to stop it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import { useEffect, useState } from 'react';
import type { ReactElement } from 'react';

import { bytes, elapsed, percent, printable } from './texts';

/** How far something is: `done` of `total` (bytes where `unit` says so), and since when (seconds since the epoch). */
export interface Progressing {
  text: string;
  phase: string;
  done?: number | null;
  total?: number | null;
  unit?: string;
  since: number;
}

/** The current step with its count, the time that it takes, and *Cancel* where it can be cancelled. */
export function Progress(props: {
  progress: Progressing;
  onCancel?: () => void;
  trans: TranslationBundle;
}): ReactElement {
  const { progress, trans } = props;
  const now = useNow();
  const part = percent(progress.done, progress.total);
  const text = printable(progress.text || progress.phase);
  return (
    <div className="jp-kernelIso-progress">
      <div className="jp-kernelIso-progressLine">
        <p role="status" className="jp-kernelIso-progressText" title={text}>
          {text}
        </p>
        {props.onCancel && (
          <Button
            small
            className="jp-mod-styled jp-mod-reject"
            onClick={props.onCancel}
          >
            {trans.__('Cancel')}
          </Button>
        )}
      </div>
      <div
        role="progressbar"
        className={`jp-kernelIso-bar ${part === null ? 'jp-mod-indeterminate' : ''}`}
        aria-label={text}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={part ?? undefined}
        aria-valuetext={countOf(progress, trans) || undefined}
      >
        <div style={part === null ? undefined : { width: `${part}%` }} />
      </div>
      <div className="jp-kernelIso-progressLine">
        <span>
          {[part === null ? '' : `${part} %`, countOf(progress, trans)]
            .filter(Boolean)
            .join(' · ')}
        </span>
        <span role="timer" aria-label={trans.__('Time so far')}>
          {elapsed(now - progress.since)}
        </span>
      </div>
    </div>
  );
}

function countOf(progress: Progressing, trans: TranslationBundle): string {
  const { done, total, unit } = progress;
  if (done === undefined || done === null) {
    return '';
  }
  const told = (count: number) =>
    unit === 'bytes' ? bytes(count) : String(count);
  const name = unit && unit !== 'bytes' ? ` ${unit}` : '';
  return (
    (total ? trans.__('%1 of %2', told(done), told(total)) : told(done)) + name
  );
}

/** The time in seconds since the epoch, a new one every second. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}
