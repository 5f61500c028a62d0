/** As much of a browser as the bell's model needs: of locks and channels there are as many tabs as are made. */

import { mock } from "node:test";

class Locks {
  #held = new Map();
  #waiting = new Map();

  request(name, ...rest) {
    const callback = rest.pop();
    const { steal = false, ifAvailable = false, signal } = rest[0] ?? {};
    return new Promise((resolve, reject) => {
      const wanted = { callback, resolve, reject };
      const holder = this.#held.get(name);
      if (ifAvailable && holder) return resolve(callback(null));
      if (steal && holder) {
        holder.reject(new DOMException("stolen", "AbortError"));
        return this.#grant(name, wanted);
      }
      if (!holder) return this.#grant(name, wanted);
      const queue = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, [...queue, wanted]);
      signal?.addEventListener("abort", () => {
        this.#waiting.set(name, this.#waiting.get(name).filter((each) => each !== wanted));
        reject(signal.reason);
      });
    });
  }

  async query() {
    const pending = [...this.#waiting].flatMap(([name, queue]) => queue.map(() => ({ name })));
    return { pending };
  }

  async #grant(name, wanted) {
    this.#held.set(name, wanted);
    await Promise.resolve(wanted.callback({ name })).then(wanted.resolve, wanted.reject);
    if (this.#held.get(name) !== wanted) return; // it was stolen
    this.#held.delete(name);
    const [next, ...others] = this.#waiting.get(name) ?? [];
    this.#waiting.set(name, others);
    if (next) this.#grant(name, next);
  }
}

let channels = new Set();

class Channel {
  onmessage = null;
  hangs = false; // neither hears nor answers

  constructor(name) {
    this.name = name;
    channels.add(this);
  }

  postMessage(data) {
    for (const other of channels) {
      if (other === this || other.name !== this.name || this.hangs || other.hangs) continue;
      queueMicrotask(() => channels.has(other) && other.onmessage?.({ data: structuredClone(data) }));
    }
  }

  close() {
    channels.delete(this);
  }
}

/** The channel that was opened last. */
export const newestChannel = () => [...channels].at(-1);

/** A new browser, whose clock stands still until `pass` is called. */
export function start() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.UTC(2026, 0, 1) });
  channels = new Set();
  const page = Object.assign(new EventTarget(), {
    baseURI: "https://app.example/",
    visibilityState: "visible",
    hasFocus: () => true,
  });
  const globals = {
    document: page,
    navigator: { locks: new Locks() },
    BroadcastChannel: Channel,
    addEventListener() {},
    removeEventListener() {},
    PageTransitionEvent: class extends Event {},
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return page;
}

/** Until all that is under way has happened. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export async function pass(milliseconds) {
  await settled();
  mock.timers.tick(milliseconds);
  await settled();
}
