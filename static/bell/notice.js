/** A line at the foot of the panel: what was done and can be undone, or what went wrong. */

import { button, h } from "./dom.js";
import { UNDO_FOR } from "./inbox.js";

/** @import { Removal } from "../eventide-bell.js" */
/** @import { Say } from "./types.js" */

export class Notice {
  element = h("div", { class: "notice", part: "notice", hidden: true });
  #say;
  #onSettled;
  /** @type {Removal | null} */
  #soon = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Say} say
   * @param {(changed: boolean, hadFocus: boolean) => void} onSettled the line has gone: whether a removal was decided,
   *   and whether the focus was in the line
   */
  constructor(say, onSettled) {
    this.#say = say;
    this.#onSettled = onSettled;
    // It stays while the reader is at it.
    for (const event of ["pointerenter", "focusin"]) this.element.addEventListener(event, () => this.#soon?.hold());
    for (const event of ["pointerleave", "focusout"]) this.element.addEventListener(event, () => this.#soon?.go());
  }

  /**
   * What went wrong, for a while.
   *
   * @param {string} text
   */
  tell(text) {
    this.#show(text);
    this.#timer = setTimeout(() => this.settle("now"), UNDO_FOR);
  }

  /**
   * What will be removed, until it is.
   *
   * @param {Removal} soon
   */
  offerUndo(soon) {
    const undo = () => this.settle("undo");
    this.#show(this.#say("removed"), button({ class: "quiet", part: "undo", onclick: undo }, this.#say("undo")));
    this.#soon = soon;
    soon.done.then(() => this.#soon === soon && this.settle("now"));
  }

  /**
   * What was deleted is so "now", or not at all: "undo".
   *
   * @param {"now" | "undo"} action
   */
  settle(action) {
    const soon = this.#soon;
    this.#soon = null;
    const hadFocus = this.element.matches(":focus-within");
    soon?.[action]();
    this.element.hidden = true;
    this.#onSettled(soon !== null, hadFocus);
  }

  /**
   * @param {string} text
   * @param {Node[]} more
   */
  #show(text, ...more) {
    this.settle("now");
    clearTimeout(this.#timer);
    this.element.replaceChildren(h("span", {}, text), ...more);
    this.element.hidden = false;
  }
}
