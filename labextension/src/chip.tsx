/** The chip in a notebook's toolbar. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { Chip } from './components';
import { NotebookModel, told } from './notebook';

/** Shows the state of one notebook; a click calls `onClick`. */
export class ChipWidget extends ReactWidget {
  constructor(
    private readonly model: NotebookModel,
    private readonly trans: TranslationBundle,
    private readonly onClick: () => void
  ) {
    super();
    this.addClass('jp-kernelIso-chipItem');
  }

  protected render(): ReactElement {
    return (
      <UseSignal signal={this.model.stateChanged}>
        {() => (
          <Chip
            {...told(this.model)}
            trans={this.trans}
            onClick={this.onClick}
          />
        )}
      </UseSignal>
    );
  }
}
