/** What has arrived, until the reader is told of it: the first at once, and in a burst many together. */

/** @import { Notification } from "../eventide-bell.js" */

const PAUSE = 250; // milliseconds: so long what arrives waits for more

export class Arrivals {
  #tell;
  /** @type {Map<string, Notification>} */
  #untold = new Map();
  /** @type {string[]} */
  #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer; // not by frames, which a hidden page has none of

  /** @param {(some: readonly Notification[]) => void} tell calls `take` when it does */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {Notification} item */
  add(item) {
    this.#untold.set(item.id, item);
    this.#waiting.push(item.id);
    if (this.#timer === undefined) this.#step();
  }

  /**
   * Those of them that the reader is still to be told of, by whoever takes them.
   *
   * @param {readonly Notification[]} items
   */
  take(items) {
    return items.filter(({ id }) => this.#untold.delete(id));
  }

  /**
   * Nobody needs to be told of these any more.
   *
   * @param {Iterable<string>} ids
   */
  gone(ids) {
    for (const id of ids) this.#untold.delete(id);
  }

  /** Nobody needs to be told of any. */
  forget() {
    this.#untold.clear();
  }

  #step = () => {
    this.#timer = undefined;
    const items = this.#waiting.splice(0).flatMap((id) => this.#untold.get(id) ?? []);
    if (!items.length) return;
    this.#timer = setTimeout(this.#step, PAUSE);
    this.#tell(items);
  };
}
