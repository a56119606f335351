/** The line above a notebook whose widgets this page cannot show yet. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { printable } from './components/texts';
import type { PageFrontends } from './frontends';
import type { NotebookModel } from './notebook';

/** Shown while a notebook's environment has widgets that this page cannot show. */
export class WidgetsBanner extends ReactWidget {
  constructor(
    private readonly frontends: PageFrontends,
    private readonly model: NotebookModel,
    private readonly trans: TranslationBundle,
    private readonly onMore: () => void
  ) {
    super();
    this.addClass('jp-kernelIso-banner');
    this.addClass('jp-kernelIso-widgetsBanner');
    this.sync();
    frontends.changed.connect(this.sync, this);
  }

  protected render(): ReactElement {
    return (
      <UseSignal signal={this.frontends.changed}>{() => this.line()}</UseSignal>
    );
  }

  private line(): ReactElement {
    const { frontends, model, trans, onMore } = this;
    const { error, loading, again } = frontends.of(model);
    const names = this.names().join(', ');
    const text = again
      ? trans.__('Run the cells again that show widgets.')
      : trans.__('This page cannot show the widgets of %1 yet.', names);
    return (
      <div className="jp-kernelIso-bannerLine" role="status">
        <span title={text}>{text}</span>
        {!again &&
          (error || !this.lacking().length ? (
            <Button small onClick={onMore}>
              {trans.__('Why…')}
            </Button>
          ) : (
            <Button
              small
              disabled={loading}
              onClick={event => void frontends.load(model, event.nativeEvent)}
            >
              {loading ? trans.__('Loading…') : trans.__('Show Them')}
            </Button>
          ))}
        <Button small minimal onClick={() => frontends.putOff(model)}>
          {again ? trans.__('OK') : trans.__('Not Now')}
        </Button>
      </div>
    );
  }

  private lacking() {
    return this.frontends.of(this.model).offers.filter(item => item.state === 'offered');
  }

  private names(): string[] {
    const { offers } = this.frontends.of(this.model);
    const absent = offers.filter(item => item.state !== 'here');
    return [...new Set(absent.map(item => printable(item.package)))];
  }

  private sync(): void {
    const { later, again } = this.frontends.of(this.model);
    this.setHidden(later || (!again && !this.names().length));
  }
}
