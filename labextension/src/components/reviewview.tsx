/** What a notebook asks that was not approved here, and the three ways to go on. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { MouseEvent, ReactElement } from 'react';

import { Fact, Note, Table } from './bits';
import { bytes, printable } from './texts';
import type { Review, ReviewPackage, ReviewVersions } from '../results';

/** Releases that are younger are pointed out: what is malicious is mostly found within days. */
const YOUNG_DAYS = 7;

/**
 * The review of a notebook.
 *
 * `onApprove` hears only of a press that a person made: an event of a script is not trusted, and is dropped.
 */
export function ReviewView(props: {
  review: Review;
  versions?: ReviewVersions | null;
  busy: boolean;
  onSeeVersions: () => void;
  onApprove: (event: MouseEvent) => void;
  onNotNow: () => void;
  onPlain: () => void;
  trans: TranslationBundle;
}): ReactElement {
  const { busy, review, trans } = props;
  const versions = props.versions ?? review.versions;
  return (
    <div
      className="jp-kernelIso-review jp-kernelIso-box"
      role="group"
      aria-label={trans.__('Review')}
    >
      <Note level={review.approved ? 'good' : 'warning'}>
        {review.approved
          ? trans.__(
              '%1 was approved on this machine.',
              printable(review.label)
            )
          : trans.__(
              '%1 was not approved on this machine. Nothing was installed or run.',
              printable(review.label)
            )}
      </Note>
      <Differs review={review} trans={trans} />
      <RunsCode sentences={review.runs_code} trans={trans} />
      <Asks review={review} trans={trans} />
      {review.locks.map(lock => (
        <Artefacts
          key={lock.where}
          title={trans.__('Locked in %1', printable(lock.where))}
          packages={lock.packages}
          trans={trans}
        />
      ))}
      {versions ? (
        <Versions versions={versions} trans={trans} />
      ) : (
        <Button
          small
          className="jp-mod-styled jp-mod-reject"
          disabled={busy}
          title={trans.__(
            'Asks the indexes for the exact versions; installs nothing'
          )}
          onClick={props.onSeeVersions}
        >
          {busy
            ? trans.__('Looking the versions up…')
            : trans.__('See the exact versions')}
        </Button>
      )}
      <div className="jp-kernelIso-buttons jp-kernelIso-decision">
        <Button
          className="jp-mod-styled jp-mod-accept"
          disabled={busy || review.approved}
          onClick={event => {
            if (event.isTrusted) {
              props.onApprove(event);
            }
          }}
        >
          {trans.__('Approve')}
        </Button>
        <Button
          className="jp-mod-styled jp-mod-reject"
          onClick={props.onNotNow}
        >
          {trans.__('Not now')}
        </Button>
        <Button minimal className="jp-kernelIso-link" onClick={props.onPlain}>
          {trans.__('Open with a plain kernel')}
        </Button>
      </div>
      <p className="jp-kernelIso-quiet" title={review.digest}>
        {trans.__(
          'An approval covers exactly this: %1',
          review.digest.replace(/^sha256:/, '').slice(0, 12)
        )}
      </p>
    </div>
  );
}

function Differs(props: {
  review: Review;
  trans: TranslationBundle;
}): ReactElement | null {
  const { trans } = props;
  const { differs } = props.review;
  if (!differs) {
    return null;
  }
  const groups: [string, string, string[]][] = [
    ['+', trans.__('new'), differs.added],
    ['−', trans.__('gone'), differs.removed],
    ['≠', trans.__('changed'), differs.changed]
  ];
  return (
    <div>
      <h4>{trans.__('Since you approved it last')}</h4>
      <ul className="jp-kernelIso-changes">
        {groups.flatMap(([sign, word, items]) =>
          items.map(item => (
            <li key={sign + item}>
              <span className="jp-kernelIso-sign" aria-hidden="true">
                {sign}
              </span>
              <span className="jp-kernelIso-name">{printable(item)}</span>
              <span className="jp-kernelIso-version">{word}</span>
            </li>
          ))
        )}
      </ul>
    </div>
  );
}

function RunsCode(props: {
  sentences: readonly string[];
  trans: TranslationBundle;
}): ReactElement | null {
  if (!props.sentences.length) {
    return null;
  }
  return (
    <div>
      <h4>{props.trans.__('What would run or steer code')}</h4>
      {props.sentences.map(sentence => (
        <Note key={sentence} level="warning">
          {printable(sentence)}
        </Note>
      ))}
    </div>
  );
}

function Asks(props: {
  review: Review;
  trans: TranslationBundle;
}): ReactElement {
  const { trans } = props;
  const { asks, where } = props.review;
  const facts: [string, readonly string[]][] = [
    [trans.__('Packages'), asks.requirements],
    [trans.__('conda'), asks.conda],
    [trans.__('Channels'), asks.channels],
    [trans.__('Limits'), asks.constraints],
    [trans.__('Python'), asks.python ? [asks.python] : []],
    [
      trans.__('Accelerator'),
      asks.accelerator === 'auto' ? [] : [asks.accelerator]
    ],
    [
      trans.__('Indexes'),
      asks.indexes.map(index => `${index.name}: ${index.url}`)
    ],
    [
      trans.__('Variables'),
      asks.env.map(([name, value]) => `${name}=${value}`)
    ],
    // Folders of the project are told below what would run.
    [trans.__('Own code'), asks.own_code === 'path' ? [] : [asks.own_code]]
  ];
  const file = where.path.split(/[\\/]/).pop() ?? '';
  return (
    <div>
      <h4>{trans.__('What it asks')}</h4>
      <dl className="jp-kernelIso-facts">
        {facts
          .filter(([, values]) => values.some(Boolean))
          .map(([name, values]) => (
            <Fact key={name} name={name}>
              {values.map(value => (
                <div key={value} className="jp-kernelIso-breaks">
                  {printable(value)}
                </div>
              ))}
            </Fact>
          ))}
        <Fact name={trans.__('Read from')}>
          <span className="jp-kernelIso-breaks" title={printable(where.path)}>
            {printable([file, where.detail].filter(Boolean).join(', '))}
          </span>
        </Fact>
      </dl>
    </div>
  );
}

function Versions(props: {
  versions: ReviewVersions;
  trans: TranslationBundle;
}): ReactElement {
  const { trans } = props;
  const { newest, packages } = props.versions;
  const unknown = packages.filter(item => !item.size).length;
  const size = bytes(props.versions.bytes);
  return (
    <div className="jp-kernelIso-versions">
      <Artefacts
        title={trans.__('Would be installed')}
        packages={packages}
        trans={trans}
      />
      <p>
        {unknown
          ? trans._n(
              '%1 package, %2 as far as the index tells',
              '%1 packages, %2 as far as the index tells',
              packages.length,
              size
            )
          : trans._n('%1 package, %2', '%1 packages, %2', packages.length, size)}
      </p>
      {!!props.versions.scripts?.length && (
        <Note level="warning">
          {trans.__(
            'These run scripts of their own as they are installed: %1',
            props.versions.scripts.map(printable).join(', ')
          )}
        </Note>
      )}
      {newest && (
        <Note level={newest.age_days < YOUNG_DAYS ? 'warning' : 'note'}>
          {trans._n(
            'The newest release is %2 %3: it is %1 day old.',
            'The newest release is %2 %3: it is %1 days old.',
            Math.floor(newest.age_days),
            printable(newest.name),
            printable(newest.version)
          )}
        </Note>
      )}
    </div>
  );
}

function Artefacts(props: {
  title: string;
  packages: readonly ReviewPackage[];
  trans: TranslationBundle;
}): ReactElement {
  const { packages, title, trans } = props;
  return (
    <details className="jp-kernelIso-artefacts" open={packages.length <= 10}>
      <summary>
        {title} ({packages.length})
      </summary>
      <Table
        label={title}
        columns={[
          { id: 'name', label: trans.__('Package') },
          { id: 'hash', label: trans.__('hash') },
          { id: 'index', label: trans.__('from') },
          { id: 'size', label: trans.__('size') },
          { id: 'uploaded', label: trans.__('date') }
        ]}
        rows={packages.map(item => ({
          key: `${item.name} ${item.version} ${item.hash}`,
          cells: {
            name: (
              <>
                <span className="jp-kernelIso-name">
                  {printable(item.name)}
                </span>{' '}
                <span className="jp-kernelIso-version">
                  {printable(item.version)}
                </span>
              </>
            ),
            hash: item.hash && (
              <span className="jp-kernelIso-mono" title={item.hash}>
                {printable(item.hash.replace(/^sha256:/, '').slice(0, 12))}
              </span>
            ),
            index: printable(item.index),
            size: item.size ? bytes(item.size) : '',
            uploaded: item.uploaded?.slice(0, 10)
          }
        }))}
      />
    </details>
  );
}
