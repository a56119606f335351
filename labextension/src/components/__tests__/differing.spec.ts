import { fourWay, sameVersion } from '../differing';

const differs = (...given: Parameters<typeof fourWay>) =>
  Object.fromEntries(fourWay(...given).map(row => [row.name, row.differs]));

describe('differing', () => {
  it.each([
    ['1.0', '1.0.0', true],
    ['2.9.1+cu126', '2.9.1', true],
    ['2.9.1+cu126', '2.9.1+cpu', false],
    ['1.10', '1.1', false]
  ])('%s and %s: the same is %s', (one, other, same) => {
    expect(sameVersion(one, other)).toBe(same);
  });

  it('what agrees does not differ, a part that is not known does not either', () => {
    expect(
      differs(
        [
          {
            name: 'a',
            declared: 'a>=1',
            locked: '1',
            installed: '1',
            role: 'asked'
          },
          { name: 'kernel', locked: '7', role: 'companion' }
        ],
        [],
        { a: '1.0' }
      )
    ).toEqual({ a: '', kernel: '' });
  });

  it('each way in which a package differs has its own word', () => {
    expect(
      differs(
        [
          { name: 'changed', locked: '1', installed: '2' },
          { name: 'added', installed: '1' },
          { name: 'not-installed', locked: '1' },
          { name: 'not-made', declared: 'not-made' }
        ],
        []
      )
    ).toEqual({
      changed: 'changed',
      added: 'added',
      'not-installed': 'not-installed',
      'not-made': 'not-made'
    });
  });

  it('a kernel that imported another version than is installed is stale, whatever else differs', () => {
    const rows = fourWay(
      [
        { name: 'Same', locked: '1', installed: '1.0' },
        { name: 'old', locked: '2', installed: '2' },
        { name: 'both', locked: '1', installed: '2' },
        { name: 'unloaded', locked: '1', installed: '1' }
      ],
      [],
      { same: '1', old: '1', both: '1' }
    );
    expect(rows.map(row => [row.name, row.differs, row.stale])).toEqual([
      ['Same', '', false],
      ['both', 'changed', true],
      ['old', '', true],
      ['unloaded', '', false]
    ]);
  });

  it('before anything is made only a lock that is older than the declaration differs', () => {
    expect(
      differs(
        [
          { name: 'a', declared: 'a', locked: '1' },
          { name: 'b', declared: 'b' }
        ],
        []
      )
    ).toEqual({ a: '', b: 'not-locked' });
    expect(differs([{ name: 'b', declared: 'b' }], [])).toEqual({ b: '' });
  });

  it('drift names packages however they are written, and adds those that no row has', () => {
    const rows = fourWay(
      [{ name: 'ruamel.yaml', locked: '1', installed: '2' }],
      [
        { name: 'ruamel-yaml', before: '0.9', after: '2' },
        { name: 'gone', before: '3' },
        { name: 'six', after: '1.17.0' }
      ]
    );
    expect(
      rows.map(row => [row.name, row.before, row.differs, row.installed])
    ).toEqual([
      ['gone', '3', 'gone', ''],
      ['ruamel.yaml', '0.9', 'changed', '2'],
      ['six', '', 'added', '1.17.0']
    ]);
  });
});
