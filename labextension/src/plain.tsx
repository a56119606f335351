/** A notebook that is none of ours: what isolating it would declare, how that ran, and the way there. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { ReactElement, ReactNode } from 'react';

import { AboutProposal, Empty, LogView, Preview, TriedRun } from './components';
import type { NotebookModel } from './notebook';
import { log, newest } from './state';
import { tried } from './trying';

/** The proposal where there is one, else the way to it; and the last try. */
export function Plain(props: {
  notebook: NotebookModel;
  trans: TranslationBundle;
  section: (name: string, title: string, children: ReactNode) => ReactElement;
  goTo: (notebook: NotebookModel, index: number) => void;
}): ReactElement {
  const { notebook, trans, section } = props;
  const { state, view } = notebook;
  const { preview } = view;
  const ran = tried(state);
  const job = newest(state);
  const outcome = ran && (
    <TriedRun tried={ran} onCell={index => props.goTo(notebook, index)} trans={trans} />
  );
  return (
    <>
      {preview ? (
        <Preview
          action={preview.action}
          changes={preview.changes}
          busy={view.busy}
          onApply={() => void notebook.apply()}
          onTry={() => void notebook.try()}
          onCancel={() => notebook.drop()}
          trans={trans}
        >
          <AboutProposal missing={preview.missing ?? []} trans={trans} />
          {outcome}
        </Preview>
      ) : (
        <NotIsolated notebook={notebook} trans={trans} />
      )}
      {!preview && outcome}
      {job && section('log', trans.__('Log'), <LogView events={log(state, job)} trans={trans} />)}
    </>
  );
}

function NotIsolated({ notebook, trans }: { notebook: NotebookModel; trans: TranslationBundle }): ReactElement {
  return (
    <Empty
      title={trans.__('Not an isolated notebook')}
      text={trans.__(
        'It runs on a kernel that other notebooks share. What it imports, with the versions that are installed now, can become an environment of its own.'
      )}
      action={
        <Button disabled={notebook.view.busy} onClick={() => void notebook.preview('isolate')}>
          {trans.__('Isolate This Notebook…')}
        </Button>
      }
    />
  );
}
