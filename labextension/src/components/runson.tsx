/** What the notebook runs on. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { Copyable, Fact, Note } from './bits';
import type { Level } from './bits';
import { bytes, printable } from './texts';
import type { Accelerator, Inspect } from '../results';

/** State, Python, folder, generation, size, and whether the GPUs and the torch build fit each other. */
export function RunsOn(props: {
  inspect: Inspect;
  trans: TranslationBundle;
}): ReactElement {
  const { inspect, trans } = props;
  const { prefix, plan } = inspect;
  const [level, sentence] = stateOf(inspect.state, trans);
  return (
    <div className="jp-kernelIso-runsOn">
      <Note level={level}>{sentence}</Note>
      <dl className="jp-kernelIso-facts">
        <Fact name={trans.__('Python')}>
          {prefix
            ? prefix.version
            : trans.__('%1, when it is made', plan.python.version)}
        </Fact>
        <Fact name={trans.__('Installed by')}>
          {prefix?.backend ?? plan.backend}
        </Fact>
        {prefix && (
          <>
            <Fact name={trans.__('Folder')}>
              <Copyable
                text={prefix.path}
                label={trans.__('Copy the path of the folder')}
                trans={trans}
              />
            </Fact>
            {prefix.companions && (
              <Fact name={trans.__('Kernel')}>
                <span title={printable(prefix.companions)}>
                  {trans.__('its own packages lie apart')}
                </span>
              </Fact>
            )}
            <Fact name={trans.__('Generation')}>
              {generationOf(inspect, trans)}
            </Fact>
            <Fact name={trans.__('Packages')}>
              {prefix.packages?.length ?? 0}
            </Fact>
            <Fact name={trans.__('Size')}>
              <span
                title={trans.__(
                  'Removing this environment frees the first; the second is shared with other environments.'
                )}
              >
                {trans.__(
                  '%1 of its own, %2 shared',
                  bytes(inspect.unique_bytes),
                  bytes(inspect.shared_bytes)
                )}
              </span>
            </Fact>
          </>
        )}
      </dl>
      <AcceleratorCard inspect={inspect} trans={trans} />
    </div>
  );
}

function stateOf(state: string, trans: TranslationBundle): [Level, string] {
  switch (state) {
    case 'ready':
      return ['good', trans.__('Ready: it answers what the notebook asks.')];
    case 'in-use':
      return ['good', trans.__('In use: a kernel runs in it.')];
    case 'out-of-date':
      return [
        'warning',
        trans.__(
          'Out of date: what is asked changed since it was made. A restart makes it anew.'
        )
      ];
    case 'not-made':
      return [
        'note',
        trans.__('Not made yet: the first start of the kernel makes it.')
      ];
    case 'not-approved':
      return [
        'warning',
        trans.__(
          'Not approved on this machine: nothing is installed before you approve it.'
        )
      ];
    default:
      return ['note', printable(state)];
  }
}

function generationOf(inspect: Inspect, trans: TranslationBundle): string {
  const number = String(inspect.prefix?.generation ?? 1);
  const kept = inspect.generations.length;
  return kept > 1
    ? trans._n('%2 (%1 is kept)', '%2 (%1 are kept)', kept, number)
    : number;
}

function AcceleratorCard(props: {
  inspect: Inspect;
  trans: TranslationBundle;
}): ReactElement {
  const { inspect, trans } = props;
  const { accelerators } = inspect.machine;
  const build = inspect.prefix?.accelerator ?? inspect.plan.accelerator ?? '';
  const torch = inspect.prefix?.packages?.find(item => item.name === 'torch');
  return (
    <div
      className="jp-kernelIso-card"
      role="group"
      aria-label={trans.__('Accelerator')}
    >
      <h4>{trans.__('Accelerator')}</h4>
      {accelerators.length ? (
        <ul className="jp-kernelIso-devices">
          {accelerators.map((device, place) => (
            <Device key={device.uuid || place} device={device} trans={trans} />
          ))}
        </ul>
      ) : (
        <p className="jp-kernelIso-quiet">
          {trans.__('This machine shows no GPU.')}
        </p>
      )}
      {(build || torch) && (
        <dl className="jp-kernelIso-facts">
          {torch && <Fact name={trans.__('torch')}>{torch.version}</Fact>}
          {build && <Fact name={trans.__('Build')}>{build}</Fact>}
        </dl>
      )}
      {inspect.notes.map(sentence => (
        <Note key={sentence} level="warning">
          {printable(sentence)}
        </Note>
      ))}
      <Fit {...props} build={build} />
    </div>
  );
}

function Device(props: {
  device: Accelerator;
  trans: TranslationBundle;
}): ReactElement {
  const { device, trans } = props;
  const facts = [
    architectureOf(device),
    device.memory ? bytes(device.memory) : '',
    device.driver ? trans.__('driver %1', device.driver) : '',
    device.cuda ? trans.__('CUDA up to %1', device.cuda) : ''
  ].filter(Boolean);
  return (
    <li>
      <span className="jp-kernelIso-deviceName">
        {printable(device.name || device.kind)}
      </span>
      {device.visible === false && (
        <span className="jp-kernelIso-label">
          {trans.__('hidden from kernels')}
        </span>
      )}
      <span className="jp-kernelIso-quiet">{facts.join(' · ')}</span>
    </li>
  );
}

function architectureOf(device: Accelerator): string {
  const architecture = device.architecture ?? '';
  return device.kind === 'cuda' && /^\d+\.\d+$/.test(architecture)
    ? `sm_${architecture.replace('.', '')}`
    : architecture;
}

function Fit(props: {
  inspect: Inspect;
  build: string;
  trans: TranslationBundle;
}): ReactElement {
  const { inspect, trans } = props;
  if (inspect.machine_drift.length) {
    return (
      <>
        <Note level="warning">
          {trans.__('Does not fit this machine any more:')}
        </Note>
        {inspect.machine_drift.map(sentence => (
          <p key={sentence} className="jp-kernelIso-indented">
            {printable(sentence)}
          </p>
        ))}
      </>
    );
  }
  return props.build ? (
    <Note level="good">
      {inspect.prefix
        ? trans.__('Fits this machine.')
        : trans.__('Chosen for this machine.')}
    </Note>
  ) : (
    <p className="jp-kernelIso-quiet">
      {trans.__('Nothing here depends on an accelerator.')}
    </p>
  );
}
