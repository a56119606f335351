/**
 * Front ends of widgets: which of those in a notebook's environment the page lacks, and loading them on a person's click.
 *
 * A page holds one of a name, whichever notebook brought it, and until it is loaded anew. So what was loaded, or came
 * with the server, is kept here for the whole page; another version is a conflict that is told, never a silent mixture.
 */

import { ISignal, Signal } from '@lumino/signaling';

import { asError, Client } from './client';
import type { Frontend, Frontends, Inspect } from './results';
import type { IsoErrorJson } from './wire';

/** The front end that shows widgets at all: every other one registers with it. */
export const MANAGER = '@jupyter-widgets/jupyterlab-manager';

/** A front end that the page holds: its version, and the notebook that brought it ("" for the server). */
export interface Held {
  version: string;
  by: string;
}

/** One front end of an environment: whether the page lacks it, has it, or cannot have it. */
export interface Offer {
  module: string;
  package: string;
  version: string;
  state: 'offered' | 'here' | 'conflict' | 'classic';
  error: IsoErrorJson | null;
}

/** What is known of a notebook's widgets. `again` is true where cells have to be run again to show them. */
export interface WidgetsView {
  offers: Offer[];
  loading: boolean;
  later: boolean;
  again: boolean;
  error: IsoErrorJson | null;
}

/** What the page itself can do and tell. */
export interface Page {
  /** The names of the front ends that the server has. */
  served(): ReadonlySet<string>;
  /** The version of one of them, "" where it is not told. */
  version(module: string): Promise<string>;
  /** True where this page shows widgets at all. */
  shows(): boolean;
  /** Load front ends out of a prefix, all of them before one is activated; rejects where one cannot be. */
  load(key: string, items: readonly Frontend[]): Promise<void>;
}

/** What is asked of a notebook's model. */
export interface Followed {
  readonly path: string;
  readonly state: { ours: boolean; inspect: Inspect | null };
  readonly stateChanged: ISignal<object, void>;
  readonly isDisposed: boolean;
}

interface Known {
  key: string;
  prefix: string;
  found: Frontend[];
  refused: IsoErrorJson | null;
  view: WidgetsView;
}

const NONE: WidgetsView = {
  offers: [],
  loading: false,
  later: false,
  again: false,
  error: null
};

/** What each front end of an environment is to a page that holds `held` and has `served` from its server. */
export function judge(
  found: readonly Frontend[],
  held: ReadonlyMap<string, Held>,
  served: ReadonlySet<string>
): Offer[] {
  const widgets = found.filter(item => item.widget && item.module !== MANAGER);
  const modern = widgets.filter(item => item.kind === 'labextension');
  const names = new Set(modern.flatMap(item => [item.module, item.package]));
  const classic = widgets.filter(
    item =>
      item.kind === 'nbextension' &&
      !names.has(item.module) &&
      !names.has(item.package)
  );
  return [
    ...modern.map(item => offer(item, ...against(item, held, served))),
    ...classic.map(item => offer(item, 'classic', null))
  ];
}

function against(
  item: Frontend,
  held: ReadonlyMap<string, Held>,
  served: ReadonlySet<string>
): [Offer['state'], IsoErrorJson | null] {
  const other = held.get(item.module);
  if (other) {
    return goTogether(item.version, other.version)
      ? ['here', null]
      : ['conflict', clash(item, conflictWith(item, other), RELOAD)];
  }
  if (served.has(item.module)) {
    return item.conflict
      ? ['conflict', clash(item, item.conflict, SERVERS)]
      : ['here', null];
  }
  return ['offered', null];
}

function offer(
  { module, package: name, version }: Frontend,
  state: Offer['state'],
  error: IsoErrorJson | null
): Offer {
  return { module, package: name || module, version, state, error };
}

/** True where one release does for the other, as semver says: the same major number, before 1.0 the same minor one. */
export function goTogether(one: string, other: string): boolean {
  const line = (version: string) => {
    const [major, minor] = version.split(/[.+-]/);
    return major === '0' ? `0.${minor}` : major;
  };
  return line(one) === line(other);
}

/** The front ends of all notebooks of one page. */
export class PageFrontends {
  constructor(
    private readonly client: Pick<Client, 'verb'>,
    private readonly page: Page
  ) {}

  /** Emitted when what is known of a notebook's widgets has changed. */
  get changed(): ISignal<this, void> {
    return this.told;
  }

  /** What is known of a notebook's widgets. */
  of(model: object): WidgetsView {
    return this.known.get(model)?.view ?? NONE;
  }

  /**
   * Look at a notebook's environment now, and whenever it is another one. `redisplay` shows again what could not be
   * shown before, and tells whether it could.
   */
  follow(model: Followed, redisplay: () => Promise<boolean>): void {
    const look = () => {
      const key = model.isDisposed ? '' : question(model);
      if (key !== (this.known.get(model)?.key ?? '')) {
        void this.look(model, key);
      }
    };
    this.followed.set(model, redisplay);
    model.stateChanged.connect(look);
    look();
  }

  /** Forget a notebook that was closed; what it brought stays in the page. */
  forget(model: Followed): void {
    this.followed.delete(model);
    this.known.delete(model);
  }

  /** Put the offer away: the line above the notebook goes, the panel keeps it. */
  putOff(model: object): void {
    this.show(model, { later: true, again: false });
  }

  /**
   * Load what the page lacks of a notebook's front ends.
   *
   * Only a person's own click or key does it: it is another's code that joins the page.
   */
  async load(model: Followed, event: { isTrusted: boolean }): Promise<void> {
    if (event.isTrusted === true && !this.of(model).loading) {
      this.show(model, { loading: true, error: null });
      // Two notebooks may want the same: who comes second finds it there.
      this.turn = this.turn.then(() => this.loadNow(model));
      await this.turn;
    }
  }

  private async loadNow(model: Followed): Promise<void> {
    this.judge(model);
    const known = this.known.get(model);
    if (!known) {
      return;
    }
    const wanted = new Set(
      known.view.offers
        .filter(item => item.state === 'offered')
        .map(item => item.module)
    );
    const items = known.found.filter(
      item => item.kind === 'labextension' && wanted.has(item.module)
    );
    try {
      await this.page.load(known.prefix, items);
      for (const { module, version } of items) {
        this.held.set(module, { version, by: model.path });
      }
      const shown = await this.followed.get(model)?.();
      this.show(model, { again: shown === false });
    } catch (error) {
      this.show(model, { error: failed(asError(error)) });
    }
    this.show(model, { loading: false });
    this.followed.forEach((_, other) => this.judge(other));
  }

  private async look(model: Followed, key: string): Promise<void> {
    const prefix = model.state.inspect?.prefix?.key ?? '';
    this.known.set(model, { key, prefix, found: [], refused: null, view: NONE });
    this.told.emit();
    if (!key) {
      return;
    }
    try {
      let answer = await this.ask(model, []);
      const both = answer.frontends.filter(
        ({ kind, widget, module }) =>
          widget && kind === 'labextension' && this.page.served().has(module)
      );
      if (both.length) {
        const versions = both.map(async ({ module }) => {
          return `${module}@${await this.page.version(module)}`;
        });
        answer = await this.ask(model, await Promise.all(versions));
      }
      const known = this.known.get(model);
      if (known?.key === key) {
        known.found = answer.frontends;
        known.refused = answer.refused;
        this.judge(model);
      }
    } catch (error) {
      if (this.known.get(model)?.key === key) {
        this.show(model, { error: asError(error) });
      }
    }
  }

  private async ask(model: Followed, served: string[]): Promise<Frontends> {
    const { inspect } = model.state;
    // The file of a notebook that was just made does not name its kernel yet.
    const named = inspect?.spec?.origin?.kind === 'environment';
    const { result } = await (named
      ? this.client.verb('frontends', { served, name: inspect.owner })
      : this.client.verb('frontends', { served }, { path: model.path }));
    return result as unknown as Frontends;
  }

  private judge(model: object): void {
    const known = this.known.get(model);
    if (!known) {
      return;
    }
    const offers = judge(known.found, this.held, this.page.served());
    const lacking = offers.some(item => item.state === 'offered');
    const error =
      offers.length && !this.page.shows()
        ? NO_MANAGER
        : lacking
          ? (known.refused ?? known.view.error)
          : null;
    this.show(model, { offers, error });
  }

  private show(model: object, part: Partial<WidgetsView>): void {
    const known = this.known.get(model);
    if (known) {
      known.view = { ...known.view, ...part };
      this.told.emit();
    }
  }

  private turn = Promise.resolve();
  private readonly held = new Map<string, Held>();
  private readonly known = new Map<object, Known>();
  private readonly followed = new Map<Followed, () => Promise<boolean>>();
  private readonly told = new Signal<this, void>(this);
}

/** Names the packages that lie in a notebook's environment now; "" where there is none that may be asked about. */
function question({ state, path }: Followed): string {
  const { ours, inspect } = state;
  if (!ours || !inspect?.prefix || inspect.state === 'not-approved') {
    return '';
  }
  const drift = inspect.drift.map(item => `${item.name} ${item.after ?? ''}`);
  return [path, inspect.prefix.key, ...drift].join('\n');
}

function conflictWith(item: Frontend, held: Held): string {
  return (
    `the page already has \`${item.module}\` ${held.version} of \`${held.by}\`, and this environment needs ` +
    `${item.version}: a page holds only one of a name`
  );
}

const RELOAD =
  'reload the page and load the widgets of this notebook first, or let both notebooks use one version';
const SERVERS =
  'bring the version in this environment and the one beside JupyterLab together';

function clash(item: Frontend, because: string, hint: string): IsoErrorJson {
  return {
    kind: 'conflict',
    code: 'frontend-conflict',
    what: `cannot show the widgets of \`${item.package || item.module}\` here`,
    because,
    hint,
    tail: [],
    log: ''
  };
}

/** What the server said stays as it is; what the page threw gets its three lines. */
function failed(error: IsoErrorJson): IsoErrorJson {
  return error.code !== 'internal-error'
    ? error
    : {
        ...error,
        kind: 'tool',
        code: 'frontend-failed',
        what: 'cannot load the front end of the widgets',
        hint: 'reload the page and try again; the log of the browser says more'
      };
}

const NO_MANAGER: IsoErrorJson = {
  kind: 'impossible',
  code: 'no-widget-manager',
  what: 'cannot show widgets in this page',
  because: `the front end of ipywidgets (\`${MANAGER}\`) is not there, or was disabled`,
  hint: 'pip install jupyterlab_widgets   beside JupyterLab, then reload the page',
  tail: [],
  log: ''
};
