/** A line at the foot of the panel: what was done and can be undone, or what went wrong. */

import { button, h } from "./dom.js";
import { UNDO_FOR } from "./inbox.js";

const isEditable = (element) => element.isContentEditable || element.matches?.("input, select, textarea");

export class Notice {
  element = h("div", { class: "notice", part: "notice", hidden: true });
  #say;
  #undone;
  #ended;
  #later = null;
  #timer = 0;
  #button = null;

  /** `undone()`: the reader has changed their mind. `ended(hadFocus)`: it has gone, in whatever way. */
  constructor(say, { undone, ended }) {
    this.#say = say;
    this.#undone = undone;
    this.#ended = ended;
    // It stays while the reader is at it.
    const stays = { pointerenter: "hold", focusin: "hold", pointerleave: "go", focusout: "go" };
    for (const [event, does] of Object.entries(stays)) this.element.addEventListener(event, () => this.#later?.[does]());
  }

  get offersUndo() { return this.#later !== null; }

  tell(text) {
    this.end();
    this.element.replaceChildren(h("span", {}, text));
    this.element.hidden = false;
    this.#timer = setTimeout(() => this.end(), UNDO_FOR);
  }

  /** `later`: as the Inbox gives it. */
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
    const hadFocus = this.element.matches(":focus-within");
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

  /** Anywhere on the page: the reader sees what was done, wherever the focus is. */
  #key = (event) => {
    const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!isUndo || event.defaultPrevented || isEditable(event.composedPath()[0])) return;
    event.preventDefault();
    this.undo();
  };
}
