/** Loads front ends into the page as JupyterLab loads its own: federated modules that share what the page has. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { IsoRequestError } from './client';
import { MANAGER, Page } from './frontends';
import type { Frontend } from './results';

// Written in by the bundler: what this page shares between its front ends.
declare function __webpack_init_sharing__(scope: string): Promise<void>;
declare const __webpack_share_scopes__: { default: object };

interface Container {
  init(scope: object): Promise<void> | void;
  get(part: string): Promise<() => unknown>;
}

type Plugin = JupyterFrontEndPlugin<unknown>;

/** The container of a front end that the page has; undefined where it has none. */
export function container(module: string): Container | undefined {
  return (window as unknown as { _JUPYTERLAB?: Record<string, Container> })
    ._JUPYTERLAB?.[module];
}

/** The page that `app` runs in. */
export class FederatedPage implements Page {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly settings: ServerConnection.ISettings
  ) {
    const told = PageConfig.getOption('federated_extensions') || '[]';
    this.names = new Set(
      (JSON.parse(told) as { name: string }[]).map(({ name }) => name)
    );
  }

  served(): ReadonlySet<string> {
    return this.names;
  }

  async version(module: string): Promise<string> {
    const base = PageConfig.getOption('fullLabextensionsUrl');
    const url = URLExt.join(base, module, 'package.json');
    const answer = await fetch(url, { credentials: 'same-origin' });
    return answer.ok ? String((await answer.json()).version ?? '') : '';
  }

  shows(): boolean {
    return this.app.hasPlugin(`${MANAGER}:plugin`);
  }

  async load(key: string, items: readonly Frontend[]): Promise<void> {
    // One may use what another shares: all of them are there before the first is asked for anything.
    for (const item of items) {
      await this.fetch(key, item);
    }
    const plugins = (await Promise.all(items.map(pluginsOf))).flat();
    for (const plugin of plugins) {
      if (PageConfig.Extension.isDisabled(plugin.id)) {
        throw new Error(`${plugin.id} was disabled by who runs this page`);
      }
      this.app.registerPlugin(plugin);
    }
    for (const plugin of plugins.filter(plugin => plugin.autoStart)) {
      await this.app.activatePlugin(plugin.id);
    }
  }

  private async fetch(key: string, item: Frontend): Promise<void> {
    const url = URLExt.join(
      this.settings.baseUrl,
      'kernel-iso/api/frontends',
      key,
      ...item.url.split('/').map(encodeURIComponent)
    );
    await script(url, this.settings);
    const made = container(item.module);
    if (!made) {
      throw new Error(`the front end of ${item.module} is not called so`);
    }
    await __webpack_init_sharing__('default');
    await made.init(__webpack_share_scopes__.default);
  }

  private readonly names: ReadonlySet<string>;
}

async function pluginsOf(item: Frontend): Promise<Plugin[]> {
  const made = container(item.module);
  const found: Plugin[] = [];
  for (const part of item.parts) {
    const module = (await made?.get(part))?.() as { default?: Plugin | Plugin[] };
    if (part.includes('extension')) {
      found.push(...[module?.default ?? []].flat());
    }
  }
  return found;
}

/** Run a script of the server; where it cannot be had, say why as the server does. */
async function script(url: string, settings: ServerConnection.ISettings): Promise<void> {
  const failed = await new Promise<boolean>(resolve => {
    const element = document.createElement('script');
    element.async = true;
    element.onload = () => resolve(false);
    element.onerror = () => resolve(true);
    element.src = url;
    document.head.appendChild(element);
  });
  if (failed) {
    const answer = await ServerConnection.makeRequest(url, {}, settings);
    const told = await answer.json().catch(() => ({}));
    throw told.error
      ? new IsoRequestError(told.error, answer.status)
      : new Error(`${url}: ${answer.status} ${answer.statusText}`);
  }
}
