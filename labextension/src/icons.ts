/** The icons that are our own. They take the theme's colours (`jp-icon3`). */

import { LabIcon } from '@jupyterlab/ui-components';

import driftedSvg from '../style/icons/drifted.svg';
import kernelIsoSvg from '../style/icons/kernel-iso.svg';
import warningSvg from '../style/icons/warning.svg';

/** An isolated environment: the panel's tab. */
export const kernelIsoIcon = new LabIcon({
  name: 'kernel-iso:environment',
  svgstr: kernelIsoSvg
});

/** Something that a person should know of. */
export const warningIcon = new LabIcon({
  name: 'kernel-iso:warning',
  svgstr: warningSvg
});

/** What is there is not what was made. */
export const driftedIcon = new LabIcon({
  name: 'kernel-iso:drifted',
  svgstr: driftedSvg
});
