/**
 * The versions that a running kernel has imported: what is on disk may be newer, and counts only after a restart.
 *
 * A kernel of ours is asked while it is idle, and only while somebody looks: one silent request, whose expression leaves
 * nothing in the namespace, in the history or in the counter of cells.
 */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { Debouncer } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import type { Inspect } from './results';

/** How long a kernel has been idle before it is asked (milliseconds). */
const CALM = 500;

/** The key of the expression in the kernel's answer. */
const KEY = 'versions';

type Names = Record<string, string>;
type Answer = [versions: Names, owners: Names];

/** What a kernel has told; `owners` are the distributions of its modules. */
interface Known {
  kernel: string;
  session: ISessionContext;
  owners: Names;
  versions: Names;
}

/** A notebook in front: its model, and the session that runs it. */
export interface Front {
  model: {
    readonly state: { ours: boolean; inspect: Inspect | null };
  };
  session: ISessionContext;
}

/** The versions that each kernel has imported, by the names of their distributions. */
export class Imported {
  /** `front` is the notebook in front; `looking` is true while somebody sees what is found. */
  constructor(
    private readonly front: () => Front | null,
    private readonly looking: () => boolean
  ) {
    this.later = new Debouncer(() => this.ask(), CALM);
  }

  /** Emitted when a kernel has told other versions. */
  get changed(): ISignal<this, void> {
    return this.told;
  }

  /** What the kernel of a notebook has imported; undefined where it was not asked. */
  of(model: object): Readonly<Names> | undefined {
    const known = this.known.get(model);
    return known && known.kernel === known.session.session?.kernel?.id
      ? known.versions
      : undefined;
  }

  /** Something may have been imported: ask soon. */
  refresh(): void {
    this.later.invoke().catch(() => undefined); // a newer call took its place
  }

  /** Ask again whenever a notebook's kernel has run something that was not asked here. */
  follow(model: object, session: ISessionContext): void {
    session.iopubMessage.connect((_, { header, content, parent_header: parent }) => {
      const state = (content as { execution_state?: string }).execution_state;
      const ran = header.msg_type === 'status' && state === 'idle';
      const { msg_id: id, msg_type: type } = parent as Partial<typeof header>;
      if (ran && type === 'execute_request' && id !== this.own) {
        this.refresh();
      }
    });
    session.statusChanged.connect((_, status) => {
      // A kernel that starts again has imported nothing.
      if (['starting', 'restarting', 'autorestarting'].includes(status)) {
        this.known.delete(model);
        this.told.emit();
      }
    });
  }

  private async ask(): Promise<void> {
    const front = this.looking() ? this.front() : null;
    const kernel = front?.session.session?.kernel;
    if (!front || !kernel || this.asking || !mayAsk(front, kernel)) {
      return;
    }
    this.asking = true;
    try {
      const { model, session } = front;
      const before = this.known.get(model);
      const owners = before?.kernel === kernel.id ? before.owners : {};
      const future = request(kernel, Object.keys(owners));
      this.own = future.msg.header.msg_id;
      const { content } = await future.done;
      const answer = content.status === 'ok' ? answerOf(content.user_expressions) : null;
      if (!answer) {
        return;
      }
      const [modules, more] = answer;
      for (const name of Object.keys(modules)) {
        owners[name] ??= more[name] ?? name;
      }
      const versions = Object.fromEntries(
        Object.entries(modules).map(([name, version]) => [owners[name], version])
      );
      this.known.set(model, { kernel: kernel.id, session, owners, versions });
      if (JSON.stringify(versions) !== JSON.stringify(before?.versions)) {
        this.told.emit();
      }
    } catch {
      // The kernel was ended meanwhile.
    } finally {
      this.asking = false;
    }
  }

  private own = '';
  private asking = false;
  private readonly later: Debouncer;
  private readonly known = new WeakMap<object, Known>();
  private readonly told = new Signal<this, void>(this);
}

/** True for an idle kernel of ours, on an environment that was approved here. */
function mayAsk({ model }: Front, kernel: Kernel.IKernelConnection): boolean {
  const { ours, inspect } = model.state;
  return (
    ours &&
    (kernel.name === 'iso' || kernel.name.startsWith('iso-')) &&
    kernel.status === 'idle' &&
    Boolean(inspect?.prefix) &&
    inspect?.state !== 'not-approved'
  );
}

/**
 * Python, one expression: hexadecimal JSON of the version that each module of the first level names, and of the
 * distributions of those modules that are not `known` yet. What a notebook calls `list` or `str` does no harm, and no
 * module's own `__getattr__` runs.
 */
export function expression(known: readonly string[]): string {
  return `(lambda b, s, j, m, known: (lambda found: j.dumps([found, (lambda owners:
{name: owners[name][0] for name in found if name in owners})(m.packages_distributions())
if b.hasattr(m, 'packages_distributions') and b.any(name not in known for name in found) else {}]).encode().hex())
({name: b.vars(module)['__version__'] for name, module in b.list(s.modules.items())
if '.' not in name and b.isinstance(module, b.type(s)) and name not in b.getattr(s, 'stdlib_module_names', ())
and b.isinstance(b.vars(module).get('__version__'), b.str)}))
(__import__('builtins'), __import__('sys'), __import__('json'),
__import__('importlib.metadata', fromlist=['metadata']), ${JSON.stringify(known)})`.replaceAll('\n', ' ');
}

function request(kernel: Kernel.IKernelConnection, known: readonly string[]) {
  return kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false,
    user_expressions: { [KEY]: expression(known) }
  });
}

/** The versions by module, and the distributions of modules, in a kernel's answer; null where it holds none. */
export function answerOf(answer: unknown): Answer | null {
  const told = (answer as Record<string, { data?: Record<string, unknown> }>)?.[KEY];
  const hex = /^'([0-9a-f]+)'$/.exec(String(told?.data?.['text/plain']))?.[1];
  if (!hex) {
    return null;
  }
  const bytes = new Uint8Array((hex.match(/../g) ?? []).map(pair => parseInt(pair, 16)));
  return JSON.parse(new TextDecoder().decode(bytes)) as Answer;
}
