import { nullTranslator } from '@jupyterlab/translation';

import type { Client } from '../client';
import { decided, PolicyRow, Saves } from '../saves';

const trans = nullTranslator.load('kernel-iso');
const row = (value: string, locked: boolean): PolicyRow => ({ value, locked, source: '/etc/policy.toml' });
const PLAIN = 'A save puts no lock into the notebook: the policy says so (/etc/policy.toml).';
const FIXED = 'A save puts the lock into the notebook all the same: the policy has fixed it (/etc/policy.toml).';

describe('the setting', () => {
  it.each([
    [true, row('true', false), ''],
    [false, row('true', false), ''],
    [true, row('false', false), PLAIN],
    [false, row('false', false), ''],
    [true, row('true', true), ''],
    [false, row('true', true), FIXED],
    [true, row('false', true), PLAIN],
    [false, row('false', true), '']
  ])('%s under the policy %o', (wanted, policy, told) => {
    expect(decided(wanted, policy, trans)).toBe(told);
  });

  it('that holds no more is told to who changes it, once, and stays to be read', async () => {
    let wanted = true;
    const client = { verb: async () => ({ result: { 'lock-on-save': row('true', true) }, text: '' }) };
    const saves = new Saves(client as unknown as Client, () => wanted, trans);
    expect([await saves.set(), saves.text]).toEqual(['', '']);
    wanted = false;
    expect([await saves.set(), saves.text]).toEqual([FIXED, FIXED]);
    expect([await saves.set(), saves.text]).toEqual(['', FIXED]);
    wanted = true;
    expect([await saves.set(), saves.text]).toEqual(['', '']);
  });

  it('says nothing where the policy cannot be asked for', async () => {
    const client = { verb: () => Promise.reject(new Error('no server')) };
    const saves = new Saves(client as unknown as Client, () => false, trans);
    await saves.look();
    expect(saves.text).toBe('');
  });
});
