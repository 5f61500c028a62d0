/** What has just arrived, for a moment, in a corner of the page. */

import { button, h, hasFocus, onTop, setText } from "./dom.js";
import { icon } from "./icons.js";
import { Row } from "./rows.js";
import { nameOf } from "./text.js";

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Reader } from "./types.js" */
/** @typedef {{ row: Row, timer?: ReturnType<typeof setTimeout>, before: Element | null }} Toast */

const TOAST_FOR = 7_000; // milliseconds
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
    const shown = items.slice(-most);
    const before = [...this.#toasts.keys()];
    for (const { id } of items.slice(0, -most)) this.#hidden.add(id);
    for (const id of before.slice(0, Math.max(0, before.length + shown.length - most))) {
      this.#hidden.add(id);
      this.#remove(id);
    }
    for (const item of shown) this.#add(item, items.length > most);
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
   */
  gone(ids) {
    for (const id of ids) {
      this.#hidden.delete(id);
      this.#remove(id);
    }
    this.#count();
  }

  dismissAll() {
    for (const id of [...this.#toasts.keys()]) this.#remove(id);
    this.#count();
  }

  tick() {
    for (const toast of this.#toasts.values()) toast.row.tick();
  }

  /**
   * @param {Notification} item
   * @param {boolean} isOfMany it will go soon, and need not come slowly
   */
  #add(item, isOfMany) {
    const row = new Row(this.#reader, item);
    row.element.classList.add("toast");
    row.element.classList.toggle("of-many", isOfMany);
    row.element.part.add("toast");
    const { say } = this.#reader;
    const names = { "aria-label": say("rowAction", say("dismiss"), nameOf(item)), title: say("dismiss") };
    const onclick = () => this.dismiss(item.id);
    const dismiss = button({ class: "icon", part: "action", ...names, onclick }, icon("cross"));
    row.element.append(h("span", { class: "actions", part: "actions" }, dismiss));
    this.#toasts.set(item.id, { row, before: document.activeElement });
    this.element.prepend(row.element);
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
    for (const [id, toast] of this.#toasts) toast.timer = setTimeout(() => this.dismiss(id), TOAST_FOR);
  }
}
