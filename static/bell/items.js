/** Which notifications there are: each once, newest first. Nothing is asked for here, and nobody is told. */

/** @import { Filter, Notification, Removal } from "../eventide-bell.js" */

/** @type {(string | undefined)[]} */
const PROGRESS = ["PENDING", "DELIVERED", "READ"];

export class Items {
  /** @type {Map<string, Notification>} */
  #items = new Map();
  /** @type {Notification[] | null} */
  #sorted = null;
  /** @type {Set<string>} */
  #removed = new Set(); // a copy that was on its way when it was removed must not bring it back
  /** @type {Map<string, Removal | null>} */
  #hidden = new Map(); // by what: removed soon, unless that is undone
  /** @type {string | undefined} */
  #newest;
  /** @type {Filter} */
  #filter = {};

  /** Those to show. A new array after each change. */
  get shown() {
    this.#sorted ??= [...this.#items.values()]
      .filter((item) => !this.#hidden.has(item.id))
      .sort((a, b) => (a.id < b.id ? 1 : -1)); // ids sort as text in the order of creation
    return this.#sorted;
  }

  /** The newest id that was ever here. */
  get newest() { return this.#newest; }
  get filter() { return this.#filter; }
  get ids() { return [...this.#items.keys()]; }

  /** @param {string} id */
  get(id) {
    return this.#items.get(id);
  }

  /**
   * Whether it is here, or was and has been removed.
   *
   * @param {string} id
   */
  knows(id) {
    return this.#items.has(id) || this.#removed.has(id);
  }

  /** Begin anew, for another user. */
  forget() {
    for (const each of [this.#items, this.#removed, this.#hidden]) each.clear();
    this.#newest = undefined;
    this.#sorted = null;
  }

  /**
   * Begin anew, with those that match.
   *
   * @param {Filter} filter
   */
  only({ unread = false, type = "" }) {
    this.#filter = { unread, type };
    this.#items.clear();
    this.#sorted = null;
  }

  /**
   * Whether it is new here.
   *
   * @param {Notification} item
   */
  merge(item) {
    if (this.#removed.has(item.id)) return false;
    if (!this.#newest || item.id > this.#newest) this.#newest = item.id;
    const known = this.#items.get(item.id);
    if (known) this.update(item.id, item);
    else if (this.#matches(item)) this.#items.set(item.id, item);
    this.#sorted = null;
    return !known && this.#items.has(item.id);
  }

  /**
   * @param {string} id
   * @param {Partial<Notification>} changes
   */
  update(id, changes) {
    const known = this.#items.get(id);
    if (!known) return;
    // An answer can be overtaken by an event. A status never goes back, so the further one is the newer one.
    const stale = PROGRESS.indexOf(changes.status) < PROGRESS.indexOf(known.status);
    const passing = changes.passing ?? known.passing;
    this.#items.set(id, { ...(stale ? { ...changes, ...known } : { ...known, ...changes }), passing });
    this.#sorted = null;
  }

  /** @param {readonly string[]} ids */
  read(ids) {
    for (const id of ids) this.update(id, { status: "READ", read: true });
  }

  /**
   * They were removed, and do not come back.
   *
   * @param {readonly string[]} ids
   */
  drop(ids) {
    for (const id of ids) {
      this.#items.delete(id);
      this.#hidden.delete(id);
      this.#removed.add(id);
    }
    this.#sorted = null;
  }

  /**
   * Those of `before` that a list does not have are gone, unless it never had them.
   *
   * @param {readonly string[]} listed
   * @param {readonly string[]} before
   */
  keep(listed, before) {
    const found = new Set(listed);
    for (const id of before) if (!found.has(id) && !this.#items.get(id)?.passing) this.#items.delete(id);
    this.#sorted = null;
  }

  // What will be removed

  get hiders() { return [...this.#hidden.values()]; }

  /** @param {string} id */
  hiddenBy(id) {
    return this.#hidden.get(id);
  }

  /**
   * @param {readonly string[]} ids
   * @param {Removal | null} by
   */
  hide(ids, by) {
    for (const id of ids) this.#hidden.set(id, by);
    this.#sorted = null;
  }

  /** @param {readonly string[]} ids */
  show(ids) {
    for (const id of ids) this.#hidden.delete(id);
    this.#sorted = null;
  }

  /** @param {Notification} item */
  #matches(item) {
    const { unread, type } = this.#filter;
    return (!unread || !item.read) && (!type || item.type === type);
  }
}
