/**
 * Which notifications there are: each once, newest first, but before all others those that must be acknowledged. Nothing
 * is asked for here, and nobody is told.
 */

import { mustAcknowledge } from "./acknowledging.js";
import { changed, covers } from "./changes.js";

/** @import { Filter, Notification } from "../eventide-bell.js" */
/** @import { Edit } from "./types.js" */

/**
 * The items as the server has them, and over them what was done here and is not confirmed yet: when that is lifted, they
 * are as the server says, also if it has said something else meanwhile.
 *
 * An answer of the server may be older than what it tells while the request is on its way. So what is told is kept
 * until then, and applied to the answer: see `begin`.
 */
export class Items {
  /** @type {Map<string, Notification>} */
  #items = new Map();
  /** @type {Notification[] | null} */
  #sorted = null;
  /** @type {Set<string>} */
  #deleted = new Set(); // a copy that was on its way when it was deleted must not bring it back
  /** @type {Set<Edit>} */
  #overlays = new Set();
  /** @type {Map<string, { of: Notification, view: Notification | null }>} */
  #views = new Map(); // items as they are under the overlays
  /** @type {Edit[]} */
  #journal = [];
  /** @type {WeakSet<Edit>} */
  #confirmed = new WeakSet();
  #readers = 0;
  /** @type {string | undefined} */
  #newest;
  /** @type {Required<Filter>} */
  #filter = { unread: false, archived: false, type: "", q: "" };

  /** Those to show. A new array after each change. */
  get shown() {
    const { archived } = this.#filter;
    this.#sorted ??= onTop(/** @type {Notification[]} */ ([...this.#items.values()]
      .map((item) => this.#view(item))
      .filter((item) => item !== null && Boolean(item.archived) === archived))
      .sort((a, b) => (a.id < b.id ? 1 : -1))); // ids sort as text in the order of creation
    return this.#sorted;
  }

  /** The ids of those that are on top, however old they are. */
  get top() { return [...this.#items.values()].filter(mustAcknowledge).map(({ id }) => id); }
  /** The newest id that was ever here. */
  get newest() { return this.#newest; }
  get filter() { return this.#filter; }
  get ids() { return [...this.#items.keys()]; }

  /**
   * As it is shown; null: it is to be deleted; undefined: it is not here.
   *
   * @param {string} id
   */
  get(id) {
    const item = this.#items.get(id);
    return item && this.#view(item);
  }

  /**
   * Whether it is here, or was and has been deleted.
   *
   * @param {string} id
   */
  knows(id) {
    return this.#items.has(id) || this.#deleted.has(id);
  }

  /** @param {string} id */
  isDeleted(id) {
    return this.#deleted.has(id);
  }

  /** Begin anew, for another user. */
  forget() {
    for (const each of [this.#items, this.#deleted, this.#overlays]) each.clear();
    this.#journal = [];
    this.#newest = undefined;
    this.#touch();
  }

  /**
   * Begin anew, with those that match.
   *
   * @param {Filter} filter
   */
  only({ unread = false, archived = false, type = "", q = "" }) {
    this.#filter = { unread, archived, type, q };
    this.#items.clear();
    this.#touch();
  }

  // What the server says

  /**
   * It has come live, or was missed. What is known of it already is at least as new.
   *
   * @param {Notification} item
   */
  arrive(item) {
    if (this.#deleted.has(item.id)) return;
    this.#know(item.id);
    if (this.#items.has(item.id) || !this.#matches(item)) return;
    this.#items.set(item.id, item);
    this.#sorted = null;
  }

  /**
   * What has happened.
   *
   * @param {Edit} edit
   */
  tell(edit) {
    if (this.#readers) this.#journal.push(edit);
    this.#apply(edit);
  }

  /** A request goes out: what is told from now on may be newer than its answer. To be followed by one `end`. */
  begin() {
    this.#readers += 1;
    return this.#journal.length;
  }

  /**
   * The server has done this, as a request that went out at `mark` asked for.
   *
   * @param {Edit} edit
   * @param {number} mark
   */
  confirm(edit, mark) {
    const told = this.#journal.slice(mark).filter((each) => !this.#confirmed.has(each));
    // Where the server tells anything, it tells this, too: what is told is kept in its order.
    if (!told.length) {
      this.#confirmed.add(edit);
      this.#journal.push(edit);
    }
    for (const each of [edit, ...told]) this.#apply(each);
  }

  end() {
    this.#readers -= 1;
    if (!this.#readers) this.#journal = [];
  }

  /**
   * These were listed, by a request that went out at `mark`. How many are new here.
   *
   * @param {Notification[]} found
   * @param {number} mark
   */
  add(found, mark) {
    const before = this.#items.size;
    for (const item of found) {
      if (this.#deleted.has(item.id)) continue;
      this.#know(item.id);
      this.#items.set(item.id, item);
    }
    this.#sorted = null;
    const added = this.#items.size - before;
    for (const edit of this.#journal.slice(mark)) this.#apply(edit);
    return added;
  }

  /**
   * Those of `before` that a list does not have are gone, unless it never had them.
   *
   * @param {string[]} listed
   * @param {string[]} before
   */
  keep(listed, before) {
    const found = new Set(listed);
    for (const id of before) {
      if (!found.has(id) && this.#items.get(id)?.stored !== false) this.#items.delete(id);
    }
    this.#touch();
  }

  // What is done here

  /**
   * Show the items as they are after this.
   *
   * @param {Edit} edit
   */
  lay(edit) {
    this.#overlays.add(edit);
    this.#touch();
  }

  /** @param {Edit} edit */
  lift(edit) {
    this.#overlays.delete(edit);
    this.#touch();
  }

  /** @param {Edit} edit */
  #apply(edit) {
    const { ids, fields, mayReturn } = edit;
    if (!fields && ids && !mayReturn) for (const id of ids) this.#deleted.add(id);
    const some = ids ? [...ids].map((id) => this.#items.get(id)) : [...this.#items.values()];
    for (const item of some) {
      if (!item || !covers(edit, item)) continue;
      if (fields) this.#items.set(item.id, changed(item, fields));
      else {
        this.#items.delete(item.id);
        if (!mayReturn) this.#deleted.add(item.id);
      }
    }
    this.#sorted = null;
  }

  /** @param {Notification} item */
  #view(item) {
    if (!this.#overlays.size) return item;
    const known = this.#views.get(item.id);
    if (known?.of === item) return known.view;
    let view = /** @type {Notification | null} */ (item);
    for (const edit of this.#overlays) {
      if (view && covers(edit, view)) view = edit.fields && changed(view, edit.fields);
    }
    this.#views.set(item.id, { of: item, view });
    return view;
  }

  /** @param {string} id */
  #know(id) {
    if (!this.#newest || id > this.#newest) this.#newest = id;
  }

  #touch() {
    this.#views.clear();
    this.#sorted = null;
  }

  /** @param {Notification} item */
  #matches({ read, archived, type, title, message }) {
    const filter = this.#filter;
    const has = (/** @type {string} */ text) => text.toLowerCase().includes(filter.q.toLowerCase());
    return !(filter.unread && read) && Boolean(archived) === filter.archived && (!filter.type || type === filter.type) &&
      (!filter.q || has(title) || has(message));
  }
}

/**
 * Those that must be acknowledged come first.
 *
 * @param {Notification[]} items
 */
function onTop(items) {
  if (!items.some(mustAcknowledge)) return items;
  return [...items.filter(mustAcknowledge), ...items.filter((item) => !mustAcknowledge(item))];
}
