/** The widgets of an environment: which the page shows, which it lacks, and the one click that loads them. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { MouseEvent, ReactElement } from 'react';

import { Note } from './bits';
import { ErrorLines } from './errorlines';
import { printable } from './texts';
import type { Offer, WidgetsView } from '../frontends';

/** One line for each front end, and the button. `onLoad` is given the click itself. */
export function Widgets(props: {
  widgets: WidgetsView;
  onLoad: (event: MouseEvent) => void;
  trans: TranslationBundle;
}): ReactElement {
  const { widgets, trans } = props;
  const { offers, error, loading } = widgets;
  const lacking = offers.filter(item => item.state === 'offered');
  return (
    <div className="jp-kernelIso-widgets">
      {offers.map(item =>
        item.error ? (
          <ErrorLines key={item.module} error={item.error} trans={trans} />
        ) : (
          <Note key={item.module} level={item.state === 'here' ? 'good' : 'warning'}>
            <span className="jp-kernelIso-name">{printable(item.package)}</span>{' '}
            {sentence(item, trans)}
          </Note>
        )
      )}
      {error && <ErrorLines error={error} trans={trans} />}
      {lacking.length > 0 && !error && (
        <>
          <p className="jp-kernelIso-quiet">
            {trans.__(
              'Loading runs code of these packages in this page, until it is loaded anew.'
            )}
          </p>
          <div className="jp-kernelIso-buttons">
            <Button
              small
              className="jp-mod-styled jp-mod-accept"
              disabled={loading}
              onClick={props.onLoad}
            >
              {loading ? trans.__('Loading…') : trans.__('Show These Widgets')}
            </Button>
          </div>
        </>
      )}
      {widgets.again && (
        <Note level="note">
          {trans.__('Run the cells again that show these widgets.')}
        </Note>
      )}
    </div>
  );
}

function sentence(item: Offer, trans: TranslationBundle): string {
  const version = printable(item.version);
  switch (item.state) {
    case 'here':
      return trans.__('is shown in this page (%1 %2)', printable(item.module), version);
    case 'classic':
      return trans.__('has a front end for the classic notebook only: it cannot be shown here');
    default:
      return trans.__(
        'cannot be shown yet: its front end (%1 %2) is in this environment, and not beside JupyterLab',
        printable(item.module),
        version
      );
  }
}
