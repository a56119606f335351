/** A log that grows while it is read. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import { useLayoutEffect, useRef, useState } from 'react';
import type { ReactElement } from 'react';

import { CopyButton } from './bits';
import { printable } from './texts';
import type { Event } from '../results';

/** Only so many lines are drawn; the copy has them all. */
const DRAWN = 1000;

/** The lines of a log. It stays at its end as it grows, until a person scrolls up. */
export function LogView(props: {
  events: readonly Event[];
  trans: TranslationBundle;
}): ReactElement {
  const { trans } = props;
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const lines = props.events.map(lineOf);
  const earlier = Math.max(0, lines.length - DRAWN);
  useLayoutEffect(() => {
    if (following && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [following, lines.length]);
  return (
    <div className="jp-kernelIso-logView">
      <div
        ref={box}
        // A person who uses the keyboard scrolls it; whoever listens is told of the steps by the progress.
        role="log"
        aria-live="off"
        aria-label={trans.__('Log')}
        tabIndex={0}
        className="jp-kernelIso-log"
        onScroll={event => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          setFollowing(scrollHeight - scrollTop - clientHeight < 8);
        }}
      >
        {lines.length === 0 && trans.__('Nothing was written yet.')}
        {earlier > 0 && (
          <div className="jp-kernelIso-quiet">
            {trans._n('%1 earlier line', '%1 earlier lines', earlier)}
          </div>
        )}
        {lines.slice(earlier).map((line, place) => (
          <div
            key={earlier + place}
            className={line.failed ? 'jp-mod-error' : ''}
          >
            <time>{line.at}</time> {line.text}
          </div>
        ))}
      </div>
      <div className="jp-kernelIso-logTools">
        {!following && (
          <Button
            minimal
            small
            className="jp-kernelIso-link"
            onClick={() => setFollowing(true)}
          >
            {trans.__('Follow the end')}
          </Button>
        )}
        <CopyButton
          text={lines.map(line => `${line.at} ${line.text}`).join('\n')}
          label={trans.__('Copy the log')}
          trans={trans}
        />
      </div>
    </div>
  );
}

function lineOf(event: Event): { at: string; text: string; failed: boolean } {
  const error = event.error;
  const text =
    event.text || (error ? `${error.what}  [${error.code}]` : event.phase);
  const count =
    event.total &&
    event.done !== undefined &&
    event.done !== null &&
    event.unit !== 'bytes'
      ? ` (${event.done}/${event.total})`
      : '';
  return {
    at: event.at ? new Date(event.at * 1000).toTimeString().slice(0, 8) : '',
    text: printable(text) + count,
    failed: Boolean(error)
  };
}
