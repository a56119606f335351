/** What can be done with the environment of the notebook in front, given to the component that draws it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { EnvironmentActions } from './components';
import type { NotebookModel } from './notebook';

/** The actions. `lockHere` are the arguments of `lock` that the settings ask for, `note` is what else to know of a lock. */
export function Actions(props: {
  notebook: NotebookModel;
  lockHere: () => Record<string, unknown>;
  note: string;
  trans: TranslationBundle;
}): ReactElement | null {
  const { notebook, lockHere, note, trans } = props;
  const { inspect } = notebook.state;
  if (!inspect) {
    return null;
  }
  const { spec } = inspect;
  return (
    <EnvironmentActions
      python={plain(spec.python ?? '')}
      accelerator={spec.accelerator ?? 'auto'}
      generations={inspect.generations}
      busy={notebook.view.busy}
      note={note}
      onLock={() => void notebook.act('lock', lockHere())}
      onUndo={() => void notebook.preview('undo')}
      onRedo={() => void notebook.preview('undo', { redo: true })}
      onPython={python =>
        void notebook.preview('choose', { python: python || 'default' })
      }
      onAccelerator={accelerator =>
        void notebook.preview('choose', { accelerator })
      }
      trans={trans}
    />
  );
}

/** A Python as a person chooses it: where only specifiers can be written, 3.12 stands there as ==3.12.*. */
function plain(python: string): string {
  return /^==(\d+\.\d+)\.\*$/.exec(python)?.[1] ?? python;
}
