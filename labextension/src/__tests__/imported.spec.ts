import { execFileSync } from 'child_process';

import { Signal } from '@lumino/signaling';

import { answerOf, expression, Front, Imported } from '../imported';

jest.useFakeTimers();

const hex = (value: unknown) => `'${Buffer.from(JSON.stringify(value)).toString('hex')}'`;

const reply = (value: unknown) => ({ versions: { data: { 'text/plain': hex(value) } } });

/** A notebook in front on an idle kernel that tells `modules`; `asked` are the requests. */
function front(part: { name?: string; status?: string; state?: string } = {}) {
  const asked: { silent: boolean; store_history: boolean; code: string; user_expressions: { versions: string } }[] = [];
  const owner = {};
  const told = { modules: { molar: '1.0' } as object, owners: { molar: 'molar-dist' } as object };
  const kernel = {
    id: 'k',
    name: part.name ?? 'iso',
    status: part.status ?? 'idle',
    requestExecute: (content: (typeof asked)[number]) => {
      asked.push(content);
      return {
        msg: { header: { msg_id: `own-${asked.length}` } },
        done: Promise.resolve({
          content: { status: 'ok', user_expressions: reply([told.modules, told.owners]) }
        })
      };
    }
  };
  const session = {
    session: { kernel },
    iopubMessage: new Signal<object, object>(owner),
    statusChanged: new Signal<object, string>(owner)
  };
  const inspect = { state: part.state ?? 'ready', prefix: { key: 'p' } };
  const found = { model: { state: { ours: true, inspect } }, session } as unknown as Front;
  const idle = (id: string, type = 'execute_request') =>
    session.iopubMessage.emit({
      header: { msg_type: 'status' },
      content: { execution_state: 'idle' },
      parent_header: { msg_id: id, msg_type: type }
    });
  return { asked, told, session, found, idle };
}

async function later() {
  await jest.advanceTimersByTimeAsync(1000);
}

describe('a kernel', () => {
  it('that ran something is asked silently, and its modules have the names of their distributions', async () => {
    const { asked, found, idle } = front();
    const imported = new Imported(() => found, () => true);
    imported.follow(found.model, found.session);
    expect(imported.of(found.model)).toBeUndefined();
    idle('cell');
    await later();
    expect(asked.map(({ code, silent, store_history }) => [code, silent, store_history])).toEqual([['', true, false]]);
    expect(imported.of(found.model)).toEqual({ 'molar-dist': '1.0' });
  });

  it('is asked for the names of its new modules only, and not because it was asked', async () => {
    const { asked, told, found, idle } = front();
    const imported = new Imported(() => found, () => true);
    imported.follow(found.model, found.session);
    idle('cell');
    await later();
    idle('own-1');
    idle('comm', 'comm_msg');
    await later();
    expect(asked.length).toBe(1);
    told.modules = { molar: '1.0', plain: '3' };
    told.owners = {};
    idle('next');
    await later();
    expect(asked[1].user_expressions.versions).toContain('["molar"]');
    expect(imported.of(found.model)).toEqual({ 'molar-dist': '1.0', plain: '3' });
  });

  it.each([
    ['is busy', { status: 'busy' }, true],
    ['is none of ours', { name: 'python3' }, true],
    ['belongs to a notebook that is not approved', { state: 'not-approved' }, true],
    ['nobody looks at', {}, false]
  ])('that %s is not asked', async (_, part, looking) => {
    const { asked, found } = front(part);
    new Imported(() => found, () => looking).refresh();
    await later();
    expect(asked).toEqual([]);
  });

  it('that starts again has imported nothing', async () => {
    const { found, session } = front();
    const imported = new Imported(() => found, () => true);
    imported.follow(found.model, found.session);
    imported.refresh();
    await later();
    expect(imported.of(found.model)).toEqual({ 'molar-dist': '1.0' });
    session.statusChanged.emit('restarting');
    expect(imported.of(found.model)).toBeUndefined();
  });
});

describe('the expression', () => {
  /** What a Python says to it, in a namespace where a notebook has taken the names of everything. */
  const said = (known: string[], before = '') =>
    answerOf({
      versions: {
        data: {
          'text/plain': execFileSync('python3', ['-S', '-c', `
import json, sys, types
${before}
taken = dict.fromkeys(['list', 'str', 'isinstance', 'type', 'vars', 'any', 'getattr', 'json', 'sys'])
names = set(taken)
print(repr(eval(sys.argv[1], {'__builtins__': __builtins__}, taken)))
assert set(taken) == names
`, expression(known)]).toString().trim()
        }
      }
    });

  it('tells versions of modules that name one, without running what a module computes', () => {
    const before = `
for name, version in {'molar': '1.0', 'number': 3, 'molar.part': '2'}.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__version__ = version
lazy = sys.modules['lazy'] = types.ModuleType('lazy')
lazy.__getattr__ = lambda name: sys.exit('asked')
`;
    expect(said([], before)).toEqual([{ molar: '1.0' }, {}]);
    expect(said(['molar'], before)).toEqual([{ molar: '1.0' }, {}]);
  });

  it('answers with nothing where the kernel could not tell', () => {
    expect(answerOf({ versions: { status: 'error' } })).toBeNull();
    expect(answerOf(undefined)).toBeNull();
  });
});
