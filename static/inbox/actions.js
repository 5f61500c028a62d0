/** What the reader does with notifications: each at once, and with a way back. */

import { mustAcknowledge } from "../eventide-bell.js";
import { isUnread } from "./row.js";
import { reversible } from "./undo.js";

export class Actions {
  #inbox;
  #root;
  #done;
  #refused;
  #changed;
  #failed = null;
  #removed = new Set(); // what should be gone by now, or soon

  /**
   * `root`: what gets the event `open`. `done(action, number, later)`: it was done with so many, and can be undone.
   * `refused()`: what was meant must be acknowledged first. `changed()`: `failed` is another.
   */
  constructor({ inbox, root, done, refused, changed }) {
    this.#inbox = inbox;
    this.#root = root;
    this.#done = done;
    this.#refused = refused;
    this.#changed = changed;
    inbox.addEventListener("problem", ({ detail }) => detail.action === "remove" && this.#notRemoved(detail.problem));
  }

  /** `{problem, again()}`: what could not be saved last, until that is dismissed; or null. */
  get failed() { return this.#failed; }

  dismiss() {
    this.#failed = null;
    this.#changed();
  }

  /** A click on a notification; `url`: null if it has no link. */
  open(item, url, event) {
    if (event.type === "auxclick" && event.button !== 1) return;
    // With a key held or another button, the browser opens it elsewhere: that is not the page's to route.
    const here = event.type === "click" && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (here && url && event.currentTarget.target !== "_blank") {
      const detail = { notification: item, url: url.href };
      const told = new CustomEvent("open", { detail, bubbles: true, cancelable: true });
      if (!this.#root.dispatchEvent(told)) event.preventDefault();
    }
    if (isUnread(item)) this.#attempt("read", () => this.#inbox.read([item.id]));
  }

  /** One of the notification's own buttons. */
  choose(item, { id }) {
    this.#attempt("choose", () => this.#inbox.choose(item.id, id));
  }

  acknowledge({ id }) {
    return this.#attempt("acknowledge", () => this.#inbox.acknowledge(id));
  }

  /** `action`: "read" is "unread" if all are read, and "archive" is "unarchive" in the archive. */
  act(action, wanted) {
    const ids = new Set(wanted);
    const meant = this.#inbox.items.filter(({ id }) => ids.has(id));
    const items = meant.filter((item) => !mustAcknowledge(item));
    if (meant.length && !items.length) this.#refused();
    if (!items.length) return;
    const found = items.map(({ id }) => id);
    if (action === "read") this.#mark(items);
    else if (action === "remove") this.#remove(found);
    else if (this.#inbox.filter.archived) this.#change("unarchive", "archive", found);
    else this.#change("archive", "unarchive", found);
  }

  #mark(items) {
    const unread = items.filter(isUnread);
    const [action, back, some] = unread.length ? ["read", "unread", unread] : ["unread", "read", items];
    const ids = some.filter((item) => item.stored !== false).map(({ id }) => id);
    if (ids.length) this.#change(action, back, ids);
  }

  /** At once, for it can be undone. */
  async #change(action, back, ids) {
    const later = reversible(() => this.#attempt(back, () => this.#inbox[back](ids)));
    this.#done(action, ids.length, later);
    if (!(await this.#attempt(action, () => this.#inbox[action](ids)))) later.now();
  }

  /** In a while, for what is deleted is gone. */
  #remove(ids) {
    const later = this.#inbox.later("remove", ids);
    for (const id of ids) this.#removed.add(id);
    later.done.then((isDone) => {
      if (!isDone) for (const id of ids) this.#removed.delete(id);
    });
    this.#done("remove", ids.length, later);
  }

  /** Those that have come back can be removed again. */
  #notRemoved(problem) {
    this.#fail(problem, () => {
      const back = this.#inbox.items.filter(({ id }) => this.#removed.has(id));
      return this.#inbox.remove(back.map(({ id }) => id));
    });
  }

  #fail(problem, run) {
    this.#failed = { problem, again: () => {
      this.dismiss();
      return run();
    } };
    this.#changed();
  }

  async #attempt(action, run) {
    const failed = ({ detail }) => {
      if (detail.action === action) this.#fail(detail.problem, () => this.#attempt(action, run));
    };
    this.#inbox.addEventListener("problem", failed);
    const isDone = await run();
    this.#inbox.removeEventListener("problem", failed);
    return isDone;
  }
}
