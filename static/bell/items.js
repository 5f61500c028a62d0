/** Which notifications there are: each once, newest first. Nothing is asked for here, and nobody is told. */

import { changed, covers } from "./changes.js";

/**
 * The items as the server has them, and over them what was done here and is not confirmed yet: when that is lifted, they
 * are as the server says, also if it has said something else meanwhile.
 *
 * An answer of the server may be older than what it tells while the request is on its way. So what is told is kept
 * until then, and applied to the answer: see `begin`.
 */
export class Items {
  #items = new Map();
  #sorted = null;
  #deleted = new Set(); // a copy that was on its way when it was deleted must not bring it back
  #overlays = new Set();
  #views = new Map(); // items as they are under the overlays
  #journal = [];
  #readers = 0;
  #newest;
  #filter = { unread: false, archived: false, type: "", q: "" };

  /** Those to show. A new array after each change. */
  get shown() {
    const { archived } = this.#filter;
    this.#sorted ??= [...this.#items.values()]
      .map((item) => this.#view(item))
      .filter((item) => item && Boolean(item.archived) === archived)
      .sort((a, b) => (a.id < b.id ? 1 : -1)); // ids sort as text in the order of creation
    return this.#sorted;
  }

  /** The newest id that was ever here. */
  get newest() { return this.#newest; }
  get filter() { return this.#filter; }
  get ids() { return [...this.#items.keys()]; }

  /** As it is shown; null: it is to be deleted; undefined: it is not here. */
  get(id) {
    const item = this.#items.get(id);
    return item && this.#view(item);
  }

  /** Whether it is here, or was and has been deleted. */
  knows(id) {
    return this.#items.has(id) || this.#deleted.has(id);
  }

  /** Begin anew, for another user. */
  forget() {
    for (const each of [this.#items, this.#deleted, this.#overlays]) each.clear();
    this.#journal = [];
    this.#newest = undefined;
    this.#touch();
  }

  /** Begin anew, with those that match. */
  only({ unread = false, archived = false, type = "", q = "" }) {
    this.#filter = { unread, archived, type, q };
    this.#items.clear();
    this.#touch();
  }

  // What the server says

  /** It has come live, or was missed. What is known of it already is at least as new. */
  arrive(item) {
    if (this.#deleted.has(item.id)) return;
    this.#know(item.id);
    if (this.#items.has(item.id) || !this.#matches(item)) return;
    this.#items.set(item.id, item);
    this.#sorted = null;
  }

  /** What has happened: see `covers`, and `fields` in `CHANGES`. */
  tell(change) {
    if (this.#readers) this.#journal.push(change);
    this.#apply(change);
  }

  /** A request goes out: what is told from now on may be newer than its answer. To be followed by one `end`. */
  begin() {
    this.#readers += 1;
    return this.#journal.length;
  }

  /** The server has made this change, as a request that went out at `mark` asked for. */
  confirm(change, mark) {
    const meanwhile = this.#journal.slice(mark);
    for (const each of [change, ...meanwhile]) this.tell(each);
  }

  end() {
    this.#readers -= 1;
    if (!this.#readers) this.#journal = [];
  }

  /** These were listed, by a request that went out at `mark`. How many are new here. */
  add(found, mark) {
    const before = this.#items.size;
    for (const item of found) {
      if (this.#deleted.has(item.id)) continue;
      this.#know(item.id);
      this.#items.set(item.id, item);
    }
    this.#sorted = null;
    const added = this.#items.size - before;
    for (const change of this.#journal.slice(mark)) this.#apply(change);
    return added;
  }

  /** Those of `before` that a list does not have are gone, unless it never had them. */
  keep(listed, before) {
    const found = new Set(listed);
    for (const id of before) {
      if (!found.has(id) && this.#items.get(id)?.stored !== false) this.#items.delete(id);
    }
    this.#touch();
  }

  // What is done here

  /** Show the items as they are after this change. */
  lay(change) {
    this.#overlays.add(change);
    this.#touch();
  }

  lift(change) {
    this.#overlays.delete(change);
    this.#touch();
  }

  #apply(change) {
    const { ids, fields } = change;
    if (!fields && ids) for (const id of ids) this.#deleted.add(id);
    const some = ids ? [...ids].map((id) => this.#items.get(id)) : [...this.#items.values()];
    for (const item of some) {
      if (!item || !covers(change, item)) continue;
      if (fields) this.#items.set(item.id, changed(item, fields));
      else {
        this.#items.delete(item.id);
        this.#deleted.add(item.id);
      }
    }
    this.#sorted = null;
  }

  #view(item) {
    if (!this.#overlays.size) return item;
    const known = this.#views.get(item.id);
    if (known?.of === item) return known.view;
    let view = item;
    for (const change of this.#overlays) {
      if (view && covers(change, view)) view = change.fields && changed(view, change.fields);
    }
    this.#views.set(item.id, { of: item, view });
    return view;
  }

  #know(id) {
    if (!this.#newest || id > this.#newest) this.#newest = id;
  }

  #touch() {
    this.#views.clear();
    this.#sorted = null;
  }

  #matches({ read, archived, type, title, message }) {
    const filter = this.#filter;
    const has = (text) => text.toLowerCase().includes(filter.q.toLowerCase());
    return !(filter.unread && read) && Boolean(archived) === filter.archived && (!filter.type || type === filter.type) &&
      (has(title) || has(message));
  }
}
