/** The line above a notebook that is not approved here: it says so, and leads to the review in the panel. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { NotebookModel, told } from './notebook';

/** Shown while a notebook waits for its review; it approves nothing. */
export class ReviewBanner extends ReactWidget {
  constructor(
    private readonly model: NotebookModel,
    private readonly trans: TranslationBundle,
    private readonly onReview: () => void
  ) {
    super();
    this.addClass('jp-kernelIso-banner');
    this.sync();
    model.stateChanged.connect(this.sync, this);
  }

  protected render(): ReactElement {
    const { model, trans, onReview } = this;
    return (
      <UseSignal signal={model.stateChanged}>
        {() => (
          <div className="jp-kernelIso-bannerLine" role="status">
            <span
              title={trans.__(
                'It was not made or approved on this machine: nothing was installed, and its kernel does not start.'
              )}
            >
              {trans.__('This notebook waits for a review of what it installs.')}
            </span>
            <Button
              small
              className="jp-mod-styled jp-mod-accept"
              onClick={onReview}
            >
              {trans.__('Review…')}
            </Button>
            <Button small minimal onClick={() => model.putOff()}>
              {trans.__('Not Now')}
            </Button>
          </div>
        )}
      </UseSignal>
    );
  }

  private sync(): void {
    const waits = told(this.model).status === 'review';
    this.setHidden(!waits || this.model.view.later);
  }
}
