/** Every environment of this machine, asked for when it is first shown. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect } from 'react';
import type { ReactElement } from 'react';

import { ErrorLines, Overview } from './components';
import type { PanelModel } from './model';

/** The overview with what is selected, sorted and filtered. */
export function Machine(props: {
  model: PanelModel;
  trans: TranslationBundle;
}): ReactElement {
  const { model, trans } = props;
  const { overview, selected, sort, filter, error } = model.machine;
  useEffect(() => {
    void model.look();
  }, [model]);
  return (
    <>
      {error && (
        <ErrorLines
          error={error}
          onRetry={() => void model.look()}
          trans={trans}
        />
      )}
      <Overview
        rows={overview?.rows ?? []}
        total={overview?.total_bytes ?? 0}
        free={overview?.free_bytes ?? 0}
        selected={selected}
        onSelect={selected => model.show({ selected })}
        onClean={keys => void model.clean(keys)}
        onOpen={row => model.open(row)}
        sort={sort}
        onSort={sort => model.show({ sort })}
        filter={filter}
        onFilter={filter => model.show({ filter })}
        trans={trans}
      />
    </>
  );
}
