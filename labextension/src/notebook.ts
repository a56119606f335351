/** One open notebook: what a person can do with its environment. Errors are state, not dialogs. */

import { asError, IsoRequestError } from './client';
import { apply, changes, documentOf } from './document';
import type { Change, Edited, Isolated, Review, SearchResult } from './results';
import { progress, status } from './state';
import type { Action, Missing } from './view';
import { Watching } from './watching';
import type { IsoErrorJson, VerbName } from './wire';

/** What is known of a notebook, and what can be done with it. */
export class NotebookModel extends Watching {
  /** Look a package up by its name. */
  async search(name: string): Promise<void> {
    this.show({ searching: true, found: null, error: null });
    await this.quick('search', { name }, result =>
      this.show({ found: result as unknown as SearchResult })
    );
    this.show({ searching: false });
  }

  /** Complete the beginning of a package's name. */
  async complete(prefix: string): Promise<void> {
    await this.quick('search', { prefix }, result =>
      this.show({ names: result.names as string[] })
    );
  }

  /** Show what an edit would change. */
  async preview(
    action: Action,
    values: Record<string, unknown> = {}
  ): Promise<void> {
    const isolate = action === 'isolate';
    const asked = isolate ? { python: this.python() } : values;
    const result = await this.act(action, isolate ? asked : { ...asked, dry: true });
    if (result) {
      const shown = isolate
        ? proposed(result as unknown as Isolated)
        : { changes: result.changes as Change[] };
      this.show({ preview: { action, values: asked, ...shown } });
    }
  }

  /** Run a copy of the notebook in the environment that is proposed; how it went is in the state. */
  async try(): Promise<void> {
    const { preview } = this.view;
    if (preview?.action === 'isolate') {
      await this.act('isolate', { ...preview.values, trial: true });
    }
  }

  /** Make the edit that was shown. */
  async apply(): Promise<void> {
    const preview = this.view.preview;
    if (!preview) {
      return;
    }
    const { action, values } = preview;
    const isolate = action === 'isolate';
    const result = await this.act(action, isolate ? { ...values, apply: true } : values);
    if (result) {
      this.show({ preview: null, found: null, restart: !isolate });
      if (isolate) {
        await this.isolated();
      }
    }
  }

  /** Put the preview away. */
  drop(): void {
    this.show({ preview: null });
  }

  /**
   * Do a verb for this notebook, to its end; what it answers for the open notebook is put there and saved.
   *
   * The server keeps an edit until the page has said that it is there. So where it does not fit any more, because its
   * cell was rewritten meanwhile, it is made once more, in what the notebook is now.
   */
  async act(
    verb: VerbName,
    values: Record<string, unknown> = {}
  ): Promise<Record<string, unknown> | null> {
    const { model, save } = this.open.context;
    const sent = documentOf(model.sharedModel);
    this.show({ busy: true, error: null });
    try {
      const about = { path: this.path, document: sent };
      const answer = await this.client.verb(verb, values, about);
      const result = answer.result ?? (await this.follow(answer.key));
      const { document, waiting } = (result ?? {}) as Partial<Edited>;
      const fits = !document || values.dry || apply(model.sharedModel, sent, document);
      if (!fits && !waiting) {
        throw new IsoRequestError(CHANGED, 0);
      }
      if (fits && !values.dry && document && changes(document)) {
        await save.call(this.open.context);
      }
      if (waiting) {
        await this.takeEdits(fits ? waiting : []);
      }
      return result;
    } catch (error) {
      this.show({ error: asError(error) });
      return null;
    } finally {
      this.show({ busy: false });
      this.refresh();
    }
  }

  protected async takeEdits(taken: string[] = []): Promise<void> {
    do {
      const result = await this.act('take', taken.length ? { taken } : {});
      taken = (result?.taken as string[] | undefined) ?? [];
    } while (taken.length); // they are in the document, and saved: that is told with the next question
  }

  /** Cancel what goes on: the job that is shown, or the start of the kernel. */
  async cancel(): Promise<void> {
    const job = progress(this.state)?.job;
    try {
      await (job
        ? this.client.cancel(job)
        : this.open.sessionContext.session?.kernel?.interrupt());
    } catch (error) {
      this.show({ error: asError(error) });
    }
  }

  /** Ask what the notebook wants; with `versions` it is resolved too. */
  async review(versions = false): Promise<void> {
    this.show({ busy: true, error: null });
    try {
      const review = await this.client.review(this.path, versions);
      this.put({ type: 'review', review });
    } catch (error) {
      this.show({ error: asError(error) });
    }
    this.show({ busy: false });
  }

  /**
   * Approve what is shown, and start the kernel.
   *
   * Only a person's own click or key does it: an event that a script made is not trusted, and without one there is
   * no way here. The server takes the answer once, for exactly what was shown.
   */
  async approve(event: { isTrusted: boolean }, review: Review): Promise<void> {
    if (event.isTrusted !== true) {
      return;
    }
    this.show({ busy: true, error: null });
    try {
      await this.client.approve(this.path, review);
      this.put({ type: 'review', review: null });
      await this.restart();
    } catch (error) {
      this.show({ error: asError(error) });
    }
    this.show({ busy: false });
    this.refresh();
  }

  /** Put the review off: the line above the notebook goes, the chip stays. */
  putOff(): void {
    this.show({ later: true });
  }

  /** Take a review up again that was put off. */
  takeUp(): void {
    this.show({ later: false });
  }

  /** Restart the kernel, so that it runs on what was made. */
  async restart(): Promise<void> {
    this.show({ restart: false });
    await this.open.sessionContext.restartKernel();
  }

  /** Open the notebook with a kernel that is not ours. */
  async plain(): Promise<void> {
    const specs = this.open.sessionContext.specsManager.specs;
    const name = Object.keys(specs?.kernelspecs ?? {}).find(
      name =>
        !isOursByName(name) &&
        specs?.kernelspecs[name]?.language.toLowerCase() === 'python'
    );
    if (name) {
      await this.open.sessionContext.changeKernel({ name });
    }
  }

  private async quick(
    verb: VerbName,
    values: Record<string, unknown>,
    take: (result: Record<string, unknown>) => void
  ): Promise<void> {
    try {
      const { path } = this;
      const { result } = await this.client.verb(verb, values, { path });
      take(result ?? {});
    } catch (error) {
      this.show({ error: asError(error) });
    }
  }

  /** The interpreter of the kernel that runs now, as its kernelspec names it. */
  private python(): string {
    const { session, specsManager } = this.open.sessionContext;
    const spec = specsManager.specs?.kernelspecs[session?.kernel?.name ?? ''];
    return spec?.argv[0] ?? '';
  }
}

/** The status of a notebook, and how much of it is done where that is known. */
export function told(model: NotebookModel): {
  status: ReturnType<typeof status>;
  percent?: number;
} {
  const at = progress(model.state);
  const percent =
    at?.total && at.done !== undefined
      ? Math.min(100, Math.floor((100 * at.done) / at.total))
      : undefined;
  return { status: status(model.state), percent };
}

function isOursByName(name: string): boolean {
  return name === 'iso' || name.startsWith('iso-');
}

/** A proposal as changes: each requirement is new, in the version that is installed now. */
function proposed(result: Isolated): { changes: Change[]; missing: Missing[] } {
  const { proposal = [], missing = [], suggested = {} } = result;
  return {
    changes: proposal.map(({ requirement, installed }) => ({
      name: requirement,
      after: installed ?? ''
    })),
    missing: missing.map(name => ({ name, near: suggested[name] ?? '' }))
  };
}

const CHANGED: IsoErrorJson = {
  kind: 'conflict',
  code: 'notebook-changed',
  what: 'has not changed the open notebook',
  because: 'the cell that declares its packages was changed or removed meanwhile',
  hint: 'do it again',
  tail: [],
  log: ''
};
