/** What has just arrived, for a moment, in a corner of the page. */

import { mustAcknowledge } from "./acknowledging.js";
import { button, h, hasFocus, onTop, setText } from "./dom.js";
import { icon } from "./icons.js";
import { Row } from "./rows.js";
import { nameOf } from "./text.js";

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Reader } from "./types.js" */
/** @typedef {{ row: Row, timer?: ReturnType<typeof setTimeout>, before: Element | null }} Toast */

// Milliseconds
const TOAST_FOR = 7_000;
const HEIR_WITHIN = 1_000; // what takes another's place is shown

const MOST = 3;
const PLACES = ["top-start", "top-center", "top-end", "bottom-start", "bottom-center", "bottom-end"];

/**
 * An attribute's place and number: "top-end", "2", "bottom-start 4", "none".
 *
 * @param {string | null} attribute
 */
export function toastsOf(attribute) {
  const words = (attribute ?? "").trim().split(/\s+/);
  const number = Number(words.find((word) => /^\d+$/.test(word)) ?? MOST);
  const place = words.find((word) => PLACES.includes(word)) ?? "bottom-end";
  return { place, most: words.includes("none") ? 0 : number };
}

export class Toasts {
  element;
  #reader;
  /** @type {Map<string, Toast>} */
  #toasts = new Map();
  /** @type {Set<string>} */
  #hidden = new Set(); // those for which there was no room
  /** @type {Map<string, string>} */
  #heirs = new Map(); // whose place one takes, by its id
  #more;

  /**
   * @param {Reader} reader
   * @param {() => void} open shows the list
   */
  constructor(reader, open) {
    const region = { role: "region", "aria-label": reader.say("toasts"), popover: "manual" };
    this.#more = button({ class: "more-toasts", part: "toasts-more", dir: "auto", hidden: true, onclick: open });
    this.element = h("div", { class: "toasts", part: "toasts", hidden: true, ...region }, this.#more);
    this.#reader = reader;
    // They stay while the reader is at them.
    for (const event of ["pointerenter", "focusin"]) this.element.addEventListener(event, () => this.#hold());
    for (const event of ["pointerleave", "focusout"]) this.element.addEventListener(event, () => this.#go());
  }

  get size() { return this.#toasts.size; }

  /**
   * The oldest go: there are `most` at once, and of the rest only the number is shown.
   *
   * @param {readonly Notification[]} items
   * @param {{ place: string, most: number }} options
   */
  show(items, { place, most }) {
    if (most <= 0) return;
    this.element.dataset.place = place;
    const added = items.filter((item) => !this.#toasts.has(item.id) && !this.#replace(item));
    const shown = added.slice(-most);
    const before = [...this.#toasts.keys()];
    for (const { id } of added.slice(0, -most)) this.#hidden.add(id);
    for (const id of before.slice(0, Math.max(0, before.length + shown.length - most))) {
      this.#hidden.add(id);
      this.#remove(id);
    }
    for (const item of shown) this.element.prepend(this.#add(item, added.length > most).element);
    this.#count();
    this.#go();
  }

  /** @param {string} id */
  dismiss(id) {
    this.#remove(id);
    this.#count();
  }

  /** @param {string} id */
  #remove(id) {
    const toast = this.#toasts.get(id);
    if (!toast) return;
    clearTimeout(toast.timer);
    this.#toasts.delete(id);
    if (hasFocus(toast.row.element) && toast.before instanceof HTMLElement) toast.before.focus();
    toast.row.element.remove();
  }

  /**
   * Nobody needs to be told of these any more.
   *
   * @param {readonly string[]} ids
   * @param {string} [replacedBy] what will be shown in the place of one of them
   */
  gone(ids, replacedBy) {
    for (const id of ids) {
      this.#hidden.delete(id);
      if (replacedBy && this.#toasts.has(id) && !this.#heirs.has(replacedBy)) this.#keepFor(id, replacedBy);
      else this.#remove(id);
    }
    this.#count();
  }

  /**
   * @param {string} id
   * @param {string} heir
   */
  #keepFor(id, heir) {
    this.#heirs.set(heir, id);
    setTimeout(() => this.#heirs.delete(heir) && this.dismiss(id), HEIR_WITHIN);
  }

  /**
   * Show it in the place of the one that has left this to it; whether there is such a one.
   *
   * @param {Notification} item
   */
  #replace(item) {
    const before = this.#toasts.get(this.#heirs.get(item.id) ?? "");
    this.#heirs.delete(item.id);
    if (!before) return false;
    const hadFocus = hasFocus(before.row.element);
    const row = this.#add(item, true, before.before);
    before.row.element.replaceWith(row.element);
    if (hadFocus) row.focus();
    this.#remove(before.row.id);
    return true;
  }

  dismissAll() {
    this.#heirs.clear();
    for (const id of [...this.#toasts.keys()]) this.#remove(id);
    this.#count();
  }

  tick() {
    for (const toast of this.#toasts.values()) toast.row.tick();
  }

  /**
   * @param {Notification} item
   * @param {boolean} isStill it need not come slowly
   * @param {Element | null} before what had the focus before
   */
  #add(item, isStill, before = document.activeElement) {
    const row = new Row(this.#reader, item);
    row.element.classList.add("toast");
    row.element.classList.toggle("of-many", isStill);
    row.element.part.add("toast");
    const { say } = this.#reader;
    const names = { "aria-label": say("rowAction", say("dismiss"), nameOf(item)), title: say("dismiss") };
    const onclick = () => this.dismiss(item.id);
    const dismiss = button({ class: "icon", part: "action", ...names, onclick }, icon("cross"));
    row.element.append(h("span", { class: "actions", part: "actions" }, dismiss));
    this.#toasts.set(item.id, { row, before });
    return row;
  }

  #count() {
    const isEmpty = !this.size;
    if (isEmpty) this.#hidden.clear();
    this.#more.hidden = !this.#hidden.size;
    setText(this.#more, this.#hidden.size ? this.#reader.say("moreToasts", this.#hidden.size) : "");
    if (this.element.hidden === isEmpty) return;
    this.element.hidden = isEmpty;
    onTop(this.element, !isEmpty);
  }

  #hold() {
    for (const toast of this.#toasts.values()) clearTimeout(toast.timer);
  }

  #go() {
    this.#hold();
    if (this.element.matches(":hover") || hasFocus(this.element)) return;
    for (const [id, toast] of this.#toasts) {
      if (!mustAcknowledge(toast.row.item)) toast.timer = setTimeout(() => this.dismiss(id), TOAST_FOR);
    }
  }
}
