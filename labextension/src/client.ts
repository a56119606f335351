/** The server's verbs over HTTP: one function a route. What fails is thrown as an `IsoRequestError`. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Job, Review } from './results';
import type { Event, IsoErrorJson, VerbName } from './wire';

/** The open notebook without its outputs. */
export interface OpenDocument {
  metadata: Record<string, unknown>;
  nbformat: number;
  nbformat_minor: number;
  cells: { cell_type: string; source: string; metadata: object }[];
}

/** What a verb is about: a notebook's path in the contents API, and what is open of it. */
export interface About {
  path?: string;
  document?: OpenDocument;
}

/** The answer of a verb: its result at once, or the key of the job that does it. */
export type Answer =
  | { result: Record<string, unknown>; text: string; key?: undefined }
  | { key: string; result?: undefined };

/** A request that failed, with the three lines. */
export class IsoRequestError extends Error {
  constructor(
    readonly error: IsoErrorJson,
    readonly status: number
  ) {
    super(error.what);
  }
}

/** Speaks to `<base URL>/kernel-iso/api/`. */
export class Client {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** Do a verb. */
  async verb(
    name: VerbName,
    values: Record<string, unknown> = {},
    about: About = {}
  ): Promise<Answer> {
    return this.ask('POST', ['verbs', name], { arguments: values, ...about });
  }

  /** The jobs of this server, the newest first, without their events. */
  async jobs(): Promise<Job[]> {
    return (await this.ask<{ jobs: Job[] }>('GET', ['jobs'])).jobs;
  }

  /** A job with its events from index `since` on. */
  async job(key: string, since = 0): Promise<Job> {
    return this.ask('GET', ['jobs', key], undefined, { since: `${since}` });
  }

  /** Cancel a job; one that is over stays as it is. */
  async cancel(key: string): Promise<void> {
    await this.ask('DELETE', ['jobs', key]);
  }

  /** What happened while a prefix was built, from index `since` on. */
  async log(
    key: string,
    since = 0
  ): Promise<{ events: Event[]; count: number }> {
    return this.ask('GET', ['logs', key], undefined, { since: `${since}` });
  }

  /** What a notebook asks; with `versions` it is resolved too. */
  async review(path: string, versions = false): Promise<Review> {
    return this.ask('POST', ['review'], { path, versions });
  }

  /** Approve exactly what was reviewed. */
  async approve(path: string, review: Review): Promise<void> {
    const { digest, nonce } = review;
    await this.ask('POST', ['approve'], { path, digest, nonce });
  }

  private async ask<T>(
    method: string,
    parts: string[],
    body?: unknown,
    query: Record<string, string> = {}
  ): Promise<T> {
    const url =
      URLExt.join(
        this.settings.baseUrl,
        'kernel-iso/api',
        ...parts.map(encodeURIComponent)
      ) + URLExt.objectToQueryString(query);
    const init = { method, body: body && JSON.stringify(body) } as RequestInit;
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new IsoRequestError(noAnswer(String(error)), 0);
    }
    const text = await response.text();
    let data: { error?: IsoErrorJson } = {};
    try {
      data = text ? JSON.parse(text) : {};
    } catch {
      // A proxy's page: the status says enough.
    }
    if (!response.ok) {
      const told =
        data.error ?? noAnswer(`${response.status} ${response.statusText}`);
      throw new IsoRequestError(told, response.status);
    }
    return data as T;
  }
}

/** An error's three lines, whatever was thrown. */
export function asError(thrown: unknown): IsoErrorJson {
  return thrown instanceof IsoRequestError
    ? thrown.error
    : {
        kind: 'error',
        code: 'internal-error',
        what: 'failed in a way that is its own fault',
        because: String(thrown),
        hint: 'report it with the log of the browser',
        tail: [],
        log: ''
      };
}

function noAnswer(because: string): IsoErrorJson {
  return {
    kind: 'tool',
    code: 'no-answer',
    what: 'got no answer from the server',
    because,
    hint: 'see that the server runs and that its extension kernel_iso is enabled: jupyter server extension list',
    tail: [],
    log: ''
  };
}
