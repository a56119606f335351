/** What can be done with the environment of the notebook in front, given to the component that draws it. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { EnvironmentActions } from './components';
import type { PanelModel } from './model';
import type { NotebookModel } from './notebook';

/** The actions. `lockHere` are the arguments of `lock` that the settings ask for. */
export function Actions(props: {
  notebook: NotebookModel;
  model: PanelModel;
  lockHere: () => Record<string, unknown>;
  trans: TranslationBundle;
}): ReactElement | null {
  const { notebook, model, lockHere, trans } = props;
  const { inspect } = notebook.state;
  if (!inspect) {
    return null;
  }
  const { spec } = inspect;
  const named = spec.origin?.kind === 'environment';
  return (
    <EnvironmentActions
      environments={model.machine.environments}
      current={named ? inspect.owner : ''}
      python={spec.python ?? ''}
      accelerator={spec.accelerator ?? 'auto'}
      generations={inspect.generations}
      busy={notebook.view.busy || model.machine.busy}
      onLock={() => void notebook.act('lock', lockHere())}
      onUndo={() => void notebook.preview('undo')}
      onPython={python => void notebook.act('add', { python })}
      onAccelerator={accelerator => void notebook.act('add', { accelerator })}
      onCreate={name => void model.act('env-create', { environment: name })}
      onClone={(source, environment) =>
        void model.act('env-clone', { source, environment })
      }
      onRename={(source, environment) =>
        void model.act('env-rename', { source, environment })
      }
      onRemove={name => void removed(model, name, trans)}
      trans={trans}
    />
  );
}

async function removed(
  model: PanelModel,
  environment: string,
  trans: TranslationBundle
): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Delete the environment %1?', environment),
    body: trans.__('Notebooks that run on it need another kernel.'),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Delete') })
    ]
  });
  if (answer.button.accept) {
    await model.act('env-remove', { environment });
  }
}
