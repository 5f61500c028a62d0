/** What is to be done when something else has happened, but not later than in a while. */
export class Waiting {
  /** @type {Map<string, () => void>} */
  #acts = new Map();

  /**
   * @param {string} id for which each is done once
   * @param {number} wait milliseconds
   * @param {() => void} act
   */
  add(id, wait, act) {
    this.due(id); // what has the same id does not go missing
    const timer = setTimeout(() => this.due(id), wait);
    this.#acts.set(id, () => {
      clearTimeout(timer);
      act();
    });
  }

  /** @param {string} id */
  has(id) {
    return this.#acts.has(id);
  }

  /**
   * Do it now, if it waits.
   *
   * @param {string} id
   */
  due(id) {
    const act = this.#acts.get(id);
    this.#acts.delete(id);
    act?.();
  }

  /** Do none of it. */
  clear() {
    this.#acts.clear();
  }
}
