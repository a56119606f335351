/** The environments of this machine, each part asked for when it is first shown. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect } from 'react';
import type { ReactElement } from 'react';

import { ErrorLines, NamedEnvironments, Overview, Progress } from './components';
import type { PanelModel } from './model';

interface Props {
  model: PanelModel;
  trans: TranslationBundle;
}

/** The named environments, and what can be done with them. */
export function Named({ model, trans }: Props): ReactElement {
  const { machine } = model;
  const spec = model.current?.state.inspect?.spec;
  useEffect(() => {
    void machine.list();
  }, [machine]);
  return (
    <>
      <Happening {...{ model, trans }} />
      <NamedEnvironments
        environments={machine.view.named}
        current={spec?.origin?.kind === 'environment' ? (model.current?.state.inspect?.owner ?? '') : ''}
        busy={machine.progress !== null}
        onCreate={name => void machine.act('env-create', { environment: name })}
        onClone={(source, environment) => void machine.act('env-clone', { source, environment })}
        onRename={(source, environment) => void machine.act('env-rename', { source, environment })}
        onRemove={environment => void machine.act('env-remove', { environment })}
        trans={trans}
      />
    </>
  );
}

/** The overview with what is selected, sorted and filtered. */
export function Machine({ model, trans }: Props): ReactElement {
  const { machine } = model;
  const { overview, selected, sort, filter, looking, refused, freed } = machine.view;
  useEffect(() => {
    void machine.look();
  }, [machine]);
  return (
    <>
      <Happening {...{ model, trans }} />
      <Overview
        overview={overview}
        looking={looking}
        busy={machine.progress !== null}
        selected={selected}
        onSelect={selected => machine.show({ selected })}
        refused={refused}
        freed={freed}
        onClean={keys => void machine.clean(keys)}
        onOpen={row => model.open(row)}
        onLook={() => void machine.look()}
        sort={sort}
        onSort={sort => machine.show({ sort })}
        filter={filter}
        onFilter={filter => machine.show({ filter })}
        trans={trans}
      />
    </>
  );
}

/** What goes on with the environments of this machine, or how it failed. */
function Happening({ model, trans }: Props): ReactElement | null {
  const { machine } = model;
  const { error } = machine.view;
  if (machine.progress) {
    return <Progress progress={machine.progress} onCancel={() => void machine.cancel()} trans={trans} />;
  }
  return error && <ErrorLines error={error} trans={trans} />;
}
