/** What has just arrived, for a moment, in a corner of the page. */

import { button, h, onTop } from "./dom.js";
import { icon } from "./icons.js";
import { Row } from "./rows.js";
import { nameOf } from "./text.js";

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Reader } from "./types.js" */

const TOAST_FOR = 7_000; // milliseconds

export class Toasts {
  element;
  #reader;
  /** @type {Map<string, { row: Row, timer?: ReturnType<typeof setTimeout>, before: Element | null }>} */
  #toasts = new Map();

  /** @param {Reader} reader */
  constructor(reader) {
    const region = { role: "region", "aria-label": reader.say("toasts"), popover: "manual" };
    this.element = h("div", { class: "toasts", part: "toasts", ...region });
    this.#reader = reader;
    // They stay while the reader is at them.
    for (const event of ["pointerenter", "focusin"]) this.element.addEventListener(event, () => this.#hold());
    for (const event of ["pointerleave", "focusout"]) this.element.addEventListener(event, () => this.#go());
  }

  get size() { return this.#toasts.size; }

  /**
   * The oldest make room: there are `most` at once.
   *
   * @param {Notification} item
   * @param {number} most
   */
  show(item, most) {
    const tooMany = [...this.#toasts.keys()].slice(0, Math.max(0, this.#toasts.size + 1 - most));
    for (const id of tooMany) this.dismiss(id);
    const row = new Row(this.#reader, item, "div");
    row.element.classList.add("toast");
    row.element.part.add("toast");
    const { say } = this.#reader;
    const names = { "aria-label": say("rowAction", say("dismiss"), nameOf(item)), title: say("dismiss") };
    const onclick = () => this.dismiss(item.id);
    const dismiss = button({ class: "icon", part: "action", ...names, onclick }, icon("cross"));
    row.element.querySelector(".actions")?.replaceChildren(dismiss);
    this.#toasts.set(item.id, { row, before: document.activeElement });
    this.element.prepend(row.element);
    onTop(this.element, true);
    this.#go();
  }

  /** @param {string} id */
  dismiss(id) {
    const toast = this.#toasts.get(id);
    if (!toast) return;
    clearTimeout(toast.timer);
    this.#toasts.delete(id);
    if (toast.row.element.matches(":focus-within")) /** @type {HTMLElement | null} */ (toast.before)?.focus?.();
    toast.row.element.remove();
    if (!this.#toasts.size) onTop(this.element, false);
  }

  dismissAll() {
    for (const id of [...this.#toasts.keys()]) this.dismiss(id);
  }

  tick() {
    for (const toast of this.#toasts.values()) toast.row.tick();
  }

  #hold() {
    for (const toast of this.#toasts.values()) clearTimeout(toast.timer);
  }

  #go() {
    this.#hold();
    if (this.element.matches(":hover, :focus-within")) return;
    for (const [id, toast] of this.#toasts) toast.timer = setTimeout(() => this.dismiss(id), TOAST_FOR);
  }
}
