import { Signal } from '@lumino/signaling';

import { Client, IsoRequestError } from '../client';
import { Followed, goTogether, judge, MANAGER, Page, PageFrontends } from '../frontends';
import type { Change, Frontend, Inspect } from '../results';
import type { IsoErrorJson } from '../wire';

const REFUSED: IsoErrorJson = {
  kind: 'impossible', code: 'frontends-not-allowed', what: 'w', because: 'b', hint: 'h', tail: [], log: ''
};

const front = (module: string, version: string, part: Partial<Frontend> = {}): Frontend => ({
  package: `${module}-package`, version, module, kind: 'labextension', url: `share/${module}.js`,
  parts: ['./extension'], widget: true, conflict: '', ...part
});

const MOLAR = front('molar', '1.2.0');

/** A page that has `served` from its server. `loaded` is what was loaded, in order. */
function page(served: Record<string, string> = {}, shows = true) {
  const loaded: string[] = [];
  const made: Page & { fails?: unknown } = {
    served: () => new Set(Object.keys(served)),
    version: async module => served[module],
    shows: () => shows,
    load: async (key, items) => {
      if (made.fails) {
        throw made.fails;
      }
      loaded.push(...items.map(({ url }) => `${key}/${url}`));
    }
  };
  return { made, loaded };
}

/** A server whose environments have these front ends; `asked` is what it was told that the server has. */
function server(found: Frontend[], refused: IsoErrorJson | null = null) {
  const asked: unknown[] = [];
  const verb = async (_: string, values: { served: string[] }) => {
    asked.push(values.served);
    return { result: { frontends: found, refused }, text: '' };
  };
  return { asked, client: { verb } as unknown as Client };
}

/** An open notebook on a prefix. */
function notebook(path: string, state = 'ready') {
  const owner = {};
  const changed = new Signal<object, void>(owner);
  const inspect = { state, prefix: { key: `key-${path}` }, drift: [] as Change[] } as unknown as Inspect;
  const model = { path, state: { ours: true, inspect }, stateChanged: changed, isDisposed: false };
  return { model: model as Followed, inspect, changed };
}

const TRUE = async () => true;
const CLICK = { isTrusted: true };
const settled = () => new Promise(resolve => setTimeout(resolve, 0));

describe('a front end', () => {
  it.each([
    ['1.2.0', '1.9.1', true],
    ['1.2.0', '2.0.0', false],
    ['0.5.44', '0.5.1', true],
    ['0.5.44', '0.6.1', false],
    ['0.12.0-rc.1', '0.12.3', true]
  ])('%s does for %s: %s', (one, other, together) => {
    expect(goTogether(one, other)).toBe(together);
  });

  it('of no widget, and the one that shows widgets at all, is not the business of a notebook', () => {
    expect(judge([front('theme', '1', { widget: false }), front(MANAGER, '5')], new Map(), new Set())).toEqual([]);
  });

  it('is lacking, there, or in conflict with what the page or the server has', () => {
    const found = [
      front('lacking', '1.0'), front('loaded', '1.1'), front('other', '2.0'), front('served', '1.0'),
      front('clash', '2.0', { conflict: 'the page already has clash 1.0' })
    ];
    const held = new Map([
      ['loaded', { version: '1.0', by: 'a.ipynb' }],
      ['other', { version: '1.0', by: 'a.ipynb' }]
    ]);
    const offers = judge(found, held, new Set(['served', 'clash']));
    expect(offers.map(({ state }) => state)).toEqual(['offered', 'here', 'conflict', 'here', 'conflict']);
    expect(offers.map(({ error }) => error?.because)).toEqual([
      undefined,
      undefined,
      'the page already has `other` 1.0 of `a.ipynb`, and this environment needs 2.0: a page holds only one of a name',
      undefined,
      'the page already has clash 1.0'
    ]);
  });

  it('for the classic notebook counts only where its package has no other', () => {
    const found = [
      MOLAR,
      front('molar', '1.2', { kind: 'nbextension' }),
      front('old', '1.0', { kind: 'nbextension', parts: [] })
    ];
    const offers = judge(found, new Map(), new Set());
    expect(offers.map(({ module, state }) => [module, state])).toEqual([['molar', 'offered'], ['old', 'classic']]);
  });
});

describe('a page', () => {
  it('loads what it lacks at a click of a person, and has it for every notebook', async () => {
    const { made, loaded } = page();
    const { client } = server([MOLAR]);
    const frontends = new PageFrontends(client, made);
    const [one, two] = [notebook('one'), notebook('two')];
    frontends.follow(one.model, TRUE);
    frontends.follow(two.model, TRUE);
    await settled();
    await frontends.load(one.model, { isTrusted: false });
    await frontends.load(one.model, new MouseEvent('click'));
    expect([loaded, frontends.of(one.model).offers[0].state]).toEqual([[], 'offered']);
    await Promise.all([frontends.load(one.model, CLICK), frontends.load(two.model, CLICK)]);
    expect(loaded).toEqual(['key-one/share/molar.js']);
    expect([one, two].map(({ model }) => frontends.of(model).offers[0].state)).toEqual(['here', 'here']);
    expect(frontends.of(one.model)).toMatchObject({ loading: false, again: false, error: null });
  });

  it('asks for cells to be run again where what was shown cannot be shown again', async () => {
    const frontends = new PageFrontends(server([MOLAR]).client, page().made);
    const { model } = notebook('one');
    frontends.follow(model, async () => false);
    await settled();
    await frontends.load(model, CLICK);
    expect(frontends.of(model).again).toBe(true);
    frontends.putOff(model);
    expect(frontends.of(model)).toMatchObject({ again: false, later: true });
  });

  it('tells the versions of the server only where both have one of a name', async () => {
    const { client, asked } = server([MOLAR, front('served', '1.0')]);
    const { model } = notebook('one');
    new PageFrontends(client, page({ served: '1.4', else: '9' }).made).follow(model, TRUE);
    await settled();
    expect(asked).toEqual([[], ['served@1.4']]);
  });

  it('asks again when the environment is another one, and not otherwise', async () => {
    const { client, asked } = server([MOLAR]);
    const { model, inspect, changed } = notebook('one');
    new PageFrontends(client, page().made).follow(model, TRUE);
    changed.emit();
    await settled();
    expect(asked.length).toBe(1);
    inspect.drift.push({ name: 'molar', after: '2' });
    changed.emit();
    await settled();
    expect(asked.length).toBe(2);
  });

  it.each(['not-approved'])('asks nothing about a notebook that is %s', async state => {
    const { client, asked } = server([MOLAR]);
    const { model } = notebook('one', state);
    new PageFrontends(client, page().made).follow(model, TRUE);
    await settled();
    expect(asked).toEqual([]);
  });

  it('says that the policy forbids it, that widgets are not shown at all, or that loading failed', async () => {
    const told = async (of: PageFrontends, click = false) => {
      const { model } = notebook('one');
      of.follow(model, TRUE);
      await settled();
      await (click && of.load(model, CLICK));
      return of.of(model).error?.code;
    };
    const failing = (thrown: unknown) => ({ ...page().made, load: () => Promise.reject(thrown) });
    const { client } = server([MOLAR]);
    expect(await told(new PageFrontends(server([MOLAR], REFUSED).client, page().made))).toBe('frontends-not-allowed');
    expect(await told(new PageFrontends(client, page({}, false).made))).toBe('no-widget-manager');
    expect(await told(new PageFrontends(client, failing(new Error('no'))), true)).toBe('frontend-failed');
    const refused = new IsoRequestError({ ...REFUSED, code: 'not-approved' }, 403);
    expect(await told(new PageFrontends(client, failing(refused)), true)).toBe('not-approved');
  });
});
