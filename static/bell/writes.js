/** What the user does, on its way to the server. */

/** @typedef {(ids: string[] | null) => Promise<any>} Send */
/**
 * @typedef {{
 *   action: string,
 *   ids: string[] | null,
 *   send: Send,
 *   resolve(answer: any): void,
 *   reject(problem: unknown): void,
 * }} Write
 */

export const AT_ONCE = 1_000; // notifications in one request, the server's limit

/** One request after the other, so that what is done later is done later; what is alike goes together. */
export class Writes {
  /** @type {Write[]} */
  #waiting = [];
  #busy = false;

  /**
   * Promises what `send(ids)` does, or fails as it does.
   *
   * @param {string} action of which all have the same `send`, if they have ids
   * @param {string[] | null} ids null: it goes by itself
   * @param {Send} send
   * @returns {Promise<any>}
   */
  add(action, ids, send) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ action, ids, send, resolve, reject });
      queueMicrotask(() => this.#run()); // what is done in one go goes in one request
    });
  }

  /** The page is left: all goes out now, before the scripts are stopped. */
  flush() {
    while (this.#waiting.length) this.#go(this.#next());
  }

  async #run() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length) await this.#go(this.#next());
    this.#busy = false;
  }

  /** The first, and those behind it that fit into the same request. */
  #next() {
    const [{ action, ids }] = this.#waiting;
    let count = ids?.length ?? 0;
    let end = 1;
    for (; ids && end < this.#waiting.length; end += 1) {
      const next = this.#waiting[end];
      count += next.ids?.length ?? 0;
      if (next.action !== action || count > AT_ONCE) break;
    }
    return this.#waiting.splice(0, end);
  }

  /** @param {Write[]} together */
  async #go(together) {
    const [{ ids, send }] = together;
    try {
      const answer = await send(ids && [...new Set(together.flatMap((each) => each.ids ?? []))]);
      for (const { resolve } of together) resolve(answer);
    } catch (problem) {
      for (const { reject } of together) reject(problem);
    }
  }
}
