/** What the user does, on its way to the server. */

export const AT_ONCE = 1_000; // notifications in one request, the server's limit

/** One request after the other, so that what is done later is done later; what is alike goes together. */
export class Writes {
  #waiting = [];
  #busy = false;

  /**
   * Promises what `send(ids)` does, or fails as it does. `ids`: null when it goes by itself; otherwise `send` is that of
   * all with the same `action`.
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
    const together = [this.#waiting.shift()];
    const [{ action, ids }] = together;
    let count = ids?.length;
    for (let [next] = this.#waiting; next?.action === action && ids && next.ids; [next] = this.#waiting) {
      count += next.ids.length;
      if (count > AT_ONCE) break;
      together.push(this.#waiting.shift());
    }
    return together;
  }

  async #go(together) {
    const [{ ids, send }] = together;
    try {
      const answer = await send(ids && [...new Set(together.flatMap((each) => each.ids))]);
      for (const { resolve } of together) resolve(answer);
    } catch (problem) {
      for (const { reject } of together) reject(problem);
    }
  }
}
