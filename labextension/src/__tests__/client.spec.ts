import { ServerConnection } from '@jupyterlab/services';

import { asError, Client, IsoRequestError } from '../client';
import type { Review } from '../results';

const ERROR = {
  kind: 'spec',
  code: 'bad-requirement',
  what: 'cannot read `numpy>=`',
  because: 'a version is missing',
  hint: 'write numpy>=2',
  tail: [],
  log: ''
};

/** A client of a server that answers so, and what it was asked. */
function client(status: number, body: unknown) {
  const asked: { url: string; method: string; body: unknown }[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://server/user/me/',
    appendToken: false,
    fetch: async (request: RequestInfo) => {
      const { url, method } = request as Request;
      const text = await (request as Request).text();
      asked.push({ url, method, body: text ? JSON.parse(text) : undefined });
      const answer = typeof body === 'string' ? body : JSON.stringify(body);
      return new Response(status === 204 ? null : answer, { status });
    }
  });
  return { client: new Client(settings), asked };
}

/** The address without what keeps a browser from answering out of its cache. */
const address = (url: string) => url.replace(/[?&]\d+$/, '');

describe('the client', () => {
  it('asks below the base URL, with the notebook beside the arguments', async () => {
    const { client: it, asked } = client(200, { result: { state: 'ready' }, text: 'ready' });
    const document = { metadata: {}, nbformat: 4, nbformat_minor: 5, cells: [] };
    const answer = await it.verb('env-create', { environment: 'vision' }, { path: 'a b.ipynb', document });
    expect(answer).toEqual({ result: { state: 'ready' }, text: 'ready' });
    expect(asked.map(({ url, ...rest }) => ({ url: address(url), ...rest }))).toEqual([
      {
        url: 'http://server/user/me/kernel-iso/api/verbs/env-create',
        method: 'POST',
        body: { arguments: { environment: 'vision' }, path: 'a b.ipynb', document }
      }
    ]);
  });

  it('gives the key of a slow verb', async () => {
    expect(await client(202, { key: 'abc' }).client.verb('lock')).toEqual({ key: 'abc' });
  });

  it('asks for the events of a job since the last one', async () => {
    const { client: it, asked } = client(200, { key: 'abc' });
    await it.job('abc', 7);
    expect(address(asked[0].url)).toBe('http://server/user/me/kernel-iso/api/jobs/abc?since=7');
  });

  it('cancels', async () => {
    const { client: it, asked } = client(204, '');
    await it.cancel('abc');
    expect(asked[0]).toMatchObject({ method: 'DELETE' });
  });

  it('approves with the number of the review, and with nothing else', async () => {
    const { client: it, asked } = client(200, { approved: true });
    await it.approve('n.ipynb', { digest: 'd', nonce: 'n', label: 'x' } as Review);
    expect(asked[0].body).toEqual({ path: 'n.ipynb', digest: 'd', nonce: 'n' });
  });

  it('throws the three lines that the server tells', async () => {
    const thrown = await client(422, { error: ERROR }).client.verb('plan').catch(error => error);
    expect(thrown).toBeInstanceOf(IsoRequestError);
    expect([thrown.status, asError(thrown)]).toEqual([422, ERROR]);
  });

  it.each([
    [504, '<html>Gateway Timeout</html>'],
    [404, { message: 'Not Found' }]
  ])('makes three lines of a %i that is not the server extension’s', async (status, body) => {
    const thrown = await client(status, body).client.jobs().catch(error => error);
    expect(asError(thrown)).toMatchObject({ kind: 'tool', code: 'no-answer' });
    expect(asError(thrown).because).toContain(String(status));
  });

  it('makes three lines of a server that is gone', async () => {
    const settings = ServerConnection.makeSettings({
      baseUrl: 'http://server/',
      fetch: () => Promise.reject(new TypeError('Failed to fetch'))
    });
    const thrown = await new Client(settings).jobs().catch(error => error);
    expect(asError(thrown).code).toBe('no-answer');
  });
});
