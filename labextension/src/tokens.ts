/** What other extensions can ask for. */

import { Token } from '@lumino/coreutils';

import type { PageFrontends } from './frontends';
import type { PanelModel } from './model';

/** The model of the panel: the notebook in front, and this machine's environments. */
export const IPanelModel = new Token<PanelModel>(
  'kernel-iso:IPanelModel',
  'What is known of the environment of the notebook in front.'
);

/** The front ends of widgets that notebooks brought into this page. */
export const IPageFrontends = new Token<PageFrontends>(
  'kernel-iso:IPageFrontends',
  'Which widgets of the open notebooks this page can show.'
);

/** The domain of the translations. */
export const DOMAIN = 'kernel_iso';
