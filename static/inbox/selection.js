/** Which notifications are selected. */

export class Selection {
  #ids = new Set();
  #anchor = null; // where a range begins

  get size() { return this.#ids.size; }
  get ids() { return [...this.#ids]; }

  has(id) {
    return this.#ids.has(id);
  }

  set(id, on) {
    this.#anchor = id;
    if (on) this.#ids.add(id);
    else this.#ids.delete(id);
  }

  toggle(id) {
    this.set(id, !this.#ids.has(id));
  }

  /** All from where the last one was set to this one; `order`: the ids as they are shown. */
  extend(id, order, on = true) {
    const [from, to] = [Math.max(order.indexOf(this.#anchor), -1), order.indexOf(id)];
    const start = from === -1 ? to : from;
    for (const each of order.slice(Math.min(start, to), Math.max(start, to) + 1)) {
      if (on) this.#ids.add(each);
      else this.#ids.delete(each);
    }
    if (from === -1) this.#anchor = id;
  }

  replace(ids) {
    this.#ids = new Set(ids);
  }

  clear() {
    this.#ids.clear();
    this.#anchor = null;
  }

  /** Forget those that are shown no longer. */
  keep(items) {
    if (!this.#ids.size) return;
    const shown = new Set(items.map(({ id }) => id));
    for (const id of this.#ids) if (!shown.has(id)) this.#ids.delete(id);
  }
}
