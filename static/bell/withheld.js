/** What the reader has deleted or archived, but the server does not know of it yet. */

import { changed, covers } from "./changes.js";

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Edit } from "./types.js" */

/** Counts are the server's. These it still counts, although the reader sees them no longer: only here is subtracted. */
export class Withheld {
  /** @type {Map<string, Notification>} */
  #items = new Map();

  get unread() { return this.#number("read"); }
  get unseen() { return this.#number("seen"); }

  /** @param {Notification | null | undefined} item */
  add(item) {
    if (item && !item.archived && item.stored !== false) this.#items.set(item.id, item);
  }

  /**
   * They are shown again, or the server has been told.
   *
   * @param {Iterable<string>} ids
   */
  release(ids) {
    for (const id of ids) this.#items.delete(id);
  }

  clear() {
    this.#items.clear();
  }

  /**
   * The server says that this has happened, and its next counts are without what is gone.
   *
   * @param {Edit} edit
   */
  tell(edit) {
    for (const [id, item] of this.#items) {
      if (!covers(edit, item)) continue;
      const after = edit.fields && changed(item, edit.fields);
      if (after && !after.archived) this.#items.set(id, after);
      else this.#items.delete(id);
    }
  }

  /** @param {"read" | "seen"} field */
  #number(field) {
    return [...this.#items.values()].filter((item) => !item[field]).length;
  }
}
