/** A line at the foot of the panel: what was done and can be undone, or what went wrong. */

import { button, h, hasFocus } from "./dom.js";
import { UNDO_FOR } from "./inbox.js";

/** @import { Later } from "../eventide-bell.js" */
/** @import { Say } from "./types.js" */

/** @param {EventTarget | undefined} target */
const isEditable = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input, select, textarea"));

export class Notice {
  element = h("div", { class: "notice", part: "notice", hidden: true });
  #say;
  #undone;
  #ended;
  /** @type {Later | null} */
  #later = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {HTMLElement | null} */
  #button = null;

  /**
   * @param {Say} say
   * @param {{ undone: () => void, ended: (hadFocus: boolean) => void }} listeners `undone`: the reader has changed
   *   their mind. `ended`: it has gone, in whatever way
   */
  constructor(say, { undone, ended }) {
    this.#say = say;
    this.#undone = undone;
    this.#ended = ended;
    // It stays while the reader is at it.
    for (const event of ["pointerenter", "focusin"]) this.element.addEventListener(event, () => this.#later?.hold());
    for (const event of ["pointerleave", "focusout"]) this.element.addEventListener(event, () => this.#later?.go());
  }

  get offersUndo() { return this.#later !== null; }

  /** @param {string} text */
  tell(text) {
    this.end();
    this.element.replaceChildren(h("span", {}, text));
    this.element.hidden = false;
    this.#timer = setTimeout(() => this.end(), UNDO_FOR);
  }

  /**
   * @param {string} text
   * @param {Later} later
   */
  offer(text, later) {
    this.end();
    const keys = { "aria-keyshortcuts": "Control+Z Meta+Z" };
    this.#button = button({ class: "quiet", part: "undo", ...keys, onclick: () => this.undo() }, this.#say("undo"));
    this.element.replaceChildren(h("span", {}, text), this.#button);
    this.element.hidden = false;
    this.#later = later;
    document.addEventListener("keydown", this.#key);
    later.done.then(() => this.#later === later && this.end());
  }

  undo() {
    const later = this.#later;
    if (!later) return;
    later.undo();
    this.end();
    this.#undone();
  }

  /** What could be undone is done. */
  end() {
    if (this.element.hidden) return;
    const hadFocus = hasFocus(this.element);
    const later = this.#later;
    this.#later = this.#button = null;
    document.removeEventListener("keydown", this.#key);
    clearTimeout(this.#timer);
    later?.now();
    this.element.hidden = true;
    this.#ended(hadFocus);
  }

  focus() {
    this.#button?.focus();
  }

  /**
   * Anywhere on the page: the reader sees what was done, wherever the focus is.
   *
   * @param {KeyboardEvent} event
   */
  #key = (event) => {
    const isWith = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!isWith || event.key.toLowerCase() !== "z" || event.defaultPrevented || isEditable(event.composedPath()[0])) return;
    event.preventDefault();
    this.undo();
  };
}
