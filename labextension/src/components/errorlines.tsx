/** An error in place: the three lines, and what the tool said. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { Copyable, Fact, Note, Told } from './bits';
import { printable } from './texts';
import type { IsoErrorJson } from '../results';

/** What could not be done, why, and what to do next. */
export function ErrorLines(props: {
  error: IsoErrorJson;
  onRetry?: () => void;
  trans: TranslationBundle;
}): ReactElement {
  const { error, trans } = props;
  const tail = error.tail ?? [];
  return (
    <div className="jp-kernelIso-error" role="alert">
      <Note level="error">
        <Told text={`kernel-iso ${error.what}`} />{' '}
        <span className="jp-kernelIso-label">{error.code}</span>
      </Note>
      <dl className="jp-kernelIso-facts">
        <Fact name={trans.__('because')}>
          <Told text={error.because} />
        </Fact>
        <Fact name={trans.__('hint')}>
          <Told text={error.hint} />
        </Fact>
        {error.log && (
          <Fact name={trans.__('log')}>
            <Copyable
              text={error.log}
              label={trans.__('Copy the path of the log')}
              trans={trans}
            />
          </Fact>
        )}
      </dl>
      {tail.length > 0 && (
        <details>
          <summary>
            {trans._n(
              'The last line of the tool',
              'The last %1 lines of the tool',
              tail.length
            )}
          </summary>
          <pre tabIndex={0}>{printable(tail.join('\n'))}</pre>
        </details>
      )}
      {props.onRetry && (
        <div className="jp-kernelIso-buttons">
          <Button
            small
            className="jp-mod-styled jp-mod-accept"
            onClick={props.onRetry}
          >
            {trans.__('Try again')}
          </Button>
        </div>
      )}
    </div>
  );
}
