/** Whether a save puts the lock into a notebook: what the setting says, and what the policy of this machine makes of it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ISignal, Signal } from '@lumino/signaling';

import type { Client } from './client';

/** One value of the policy: where it was set, and whether an administrator has locked it there. */
export interface PolicyRow {
  value: string;
  source: string;
  locked: boolean;
}

/** What the policy decides otherwise than the setting, in a sentence; "" where it does not. */
export function decided(
  wanted: boolean,
  { value, source, locked }: PolicyRow,
  trans: TranslationBundle
): string {
  const lays = value === 'true';
  if (locked ? lays === wanted : lays || !wanted) {
    return '';
  }
  return lays
    ? trans.__('A save puts the lock into the notebook all the same: the policy has fixed it (%1).', source)
    : trans.__('A save puts no lock into the notebook: the policy says so (%1).', source);
}

/** Follows the setting. It asks for the policy when somebody looks. */
export class Saves {
  constructor(
    private readonly client: Client,
    private readonly wanted: () => boolean,
    private readonly trans: TranslationBundle
  ) {
    this.before = wanted();
  }

  /** Emitted when `text` has changed. */
  get changed(): ISignal<this, void> {
    return this.told;
  }

  /** What the policy decides otherwise than the setting. */
  get text(): string {
    return this.said;
  }

  /** Ask for the policy again. */
  async look(): Promise<void> {
    try {
      const { result } = await this.client.verb('policy');
      const row = result?.['lock-on-save'] as PolicyRow | undefined;
      this.said = row ? decided(this.wanted(), row, this.trans) : '';
    } catch {
      this.said = ''; // what is wrong with the server is told elsewhere
    }
    this.told.emit();
  }

  /** The settings have changed: what to tell the person who changed this one, "" where it holds. */
  async set(): Promise<string> {
    if (this.wanted() === this.before) {
      return '';
    }
    this.before = this.wanted();
    await this.look();
    return this.said;
  }

  private before: boolean;
  private said = '';
  private readonly told = new Signal<this, void>(this);
}
