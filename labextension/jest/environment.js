/** jsdom, with what browsers have and jsdom has not: fetch and its classes, from Node. */
const JSDOMEnvironment = require('jest-environment-jsdom').TestEnvironment;

const BROWSERS_HAVE = ['fetch', 'Headers', 'Request', 'Response', 'TextEncoder', 'TextDecoder', 'structuredClone'];

module.exports = class extends JSDOMEnvironment {
  async setup() {
    await super.setup();
    for (const name of BROWSERS_HAVE) {
      this.global[name] = globalThis[name];
    }
    // jsdom draws nothing.
    this.global.DragEvent ??= class extends this.global.MouseEvent {};
    this.global.matchMedia ??= () => ({ matches: false, addEventListener() {}, removeEventListener() {} });
    this.global.matchMedia ??= () => ({
      matches: false,
      addListener() {},
      removeListener() {},
      addEventListener() {},
      removeEventListener() {}
    });
    this.global.ResizeObserver ??= class {
      observe() {}
      unobserve() {}
      disconnect() {}
    };
  }
};
