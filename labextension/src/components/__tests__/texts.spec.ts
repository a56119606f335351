import { nullTranslator } from '@jupyterlab/translation';

import {
  ago,
  bytes,
  elapsed,
  percent,
  printable,
  requirements
} from '../texts';

const trans = nullTranslator.load('kernel-iso');

describe('texts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1536, '1.5 kB'],
    [412e6, '412 MB'],
    [999.6e6, '1 GB'],
    [5.31e9, '5.3 GB']
  ])('%d bytes are read as %s', (count, text) => {
    expect(bytes(count)).toBe(text);
  });

  it.each([
    [-3, '0:00'],
    [7.9, '0:07'],
    [83, '1:23'],
    [3723, '1:02:03']
  ])('%d seconds are read as %s', (seconds, text) => {
    expect(elapsed(seconds)).toBe(text);
  });

  it.each([
    [0, 'never'],
    [9990, 'just now'],
    [10000 - 60, '1 minute ago'],
    [10000 - 7200, '2 hours ago']
  ])('what was at %d is %s', (at, text) => {
    expect(ago(at, 10000, trans)).toBe(text);
  });

  it('days and months are told apart', () => {
    const day = 86400;
    expect(ago(1, 3 * day + 1, trans)).toBe('3 days ago');
    expect(ago(1, 90 * day + 1, trans)).toBe('3 months ago');
  });

  it('a part is never more than all, and nothing where the whole is not known', () => {
    expect([
      percent(63, 100),
      percent(5, 4),
      percent(1, 0),
      percent(null, 4)
    ]).toEqual([63, 100, null, null]);
  });

  it('what would hide or reorder a text is shown as an escape', () => {
    expect(printable('a\u202eb\u001b[2K\u200bc\nd é 数')).toBe(
      'a\\u202eb\\u001b[2K\\u200bc\nd é 数'
    );
  });

  it.each([
    ['', []],
    ['polars', ['polars']],
    ['polars>=1  numpy', ['polars>=1', 'numpy']],
    ['polars >=1, <2', ['polars >=1, <2']],
    ['polars == 1.0', ['polars == 1.0']],
    ['six; python_version < "3.12"', ['six; python_version < "3.12"']],
    ['six @ https://example.org/six.whl', ['six @ https://example.org/six.whl']]
  ])('"%s" is %j', (typed, wanted) => {
    expect(requirements(typed)).toEqual(wanted);
  });
});
