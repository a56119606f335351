/** The commands. Approving is none of them: no command, and so no output of a notebook, can press that button. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette, InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { kernelIsoIcon } from './icons';
import type { PanelModel } from './model';
import { status } from './state';

export const CommandIDs = {
  open: 'kernel-iso:open-panel',
  add: 'kernel-iso:add',
  lock: 'kernel-iso:lock',
  undo: 'kernel-iso:undo',
  isolate: 'kernel-iso:isolate',
  restart: 'kernel-iso:restart-kernel',
  refresh: 'kernel-iso:refresh'
} as const;

/** Add the commands; `show` opens the panel, `lockHere` are the arguments of `lock` that the settings ask for. */
export function addCommands(
  app: JupyterFrontEnd,
  model: PanelModel,
  trans: TranslationBundle,
  show: () => void,
  lockHere: () => Record<string, unknown>,
  palette: ICommandPalette | null
): void {
  const notebook = () => model.current;
  const ours = () => {
    const present = notebook();
    return present !== null && status(present.state) !== 'plain';
  };
  const add = (
    id: string,
    label: string,
    caption: string,
    execute: (args: Record<string, unknown>) => unknown,
    isEnabled: () => boolean = ours,
    args: object = { type: 'object', properties: {} }
  ) => {
    app.commands.addCommand(id, {
      label,
      caption,
      execute: args => execute(args),
      isEnabled,
      describedBy: { args: args as never },
      icon: id === CommandIDs.open ? kernelIsoIcon : undefined
    });
    palette?.addItem({ command: id, category: trans.__('Environment') });
  };
  add(
    CommandIDs.open,
    trans.__('Show the Environment'),
    trans.__('Show what the notebook in front runs on'),
    show,
    () => true
  );
  add(
    CommandIDs.add,
    trans.__('Add Packages…'),
    trans.__('Show what would change if packages were added'),
    async args => {
      show();
      const given = args.packages as string[] | undefined;
      const packages = given ?? (await named(trans));
      return packages.length && notebook()?.preview('add', { packages });
    },
    ours,
    {
      type: 'object',
      properties: {
        packages: { type: 'array', items: { type: 'string' } }
      }
    }
  );
  add(
    CommandIDs.lock,
    trans.__('Lock the Environment'),
    trans.__('Choose exact versions, and lay the lock with the notebook'),
    () => notebook()?.act('lock', lockHere())
  );
  add(
    CommandIDs.undo,
    trans.__('Undo the Last Change of the Environment…'),
    trans.__('Show what going back to the former generation would change'),
    () => {
      show();
      return notebook()?.preview('undo');
    }
  );
  add(
    CommandIDs.isolate,
    trans.__('Isolate This Notebook…'),
    trans.__('Propose an environment of its own from what the notebook imports'),
    () => {
      show();
      return notebook()?.preview('isolate');
    },
    () => notebook() !== null && !ours()
  );
  add(
    CommandIDs.restart,
    trans.__('Restart the Kernel on Its Environment'),
    trans.__('Restart the kernel, so that it runs on what was made'),
    () => notebook()?.restart()
  );
  add(
    CommandIDs.refresh,
    trans.__('Look at the Environment Again'),
    trans.__('Ask the server for the present state'),
    () => notebook()?.refresh()
  );
}

/** The packages that a person types. */
async function named(trans: TranslationBundle): Promise<string[]> {
  const answer = await InputDialog.getText({
    title: trans.__('Add packages'),
    label: trans.__('Names, with versions where they matter: polars "numpy<2"'),
    okLabel: trans.__('Preview')
  });
  const text = answer.button.accept ? (answer.value ?? '') : '';
  return (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map(word =>
    word.replace(/^["']|["']$/g, '')
  );
}
