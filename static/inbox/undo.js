/** What was done last can be undone for a while: by a key from anywhere, or by the button in this bar. */

import { button, h, setText } from "./dom.js";
import { UNDO_KEY } from "./keys.js";

const WAIT = 8_000; // milliseconds, as the model's

/** The same as `inbox.later` gives, for what is done already: `undo` does the opposite. */
export function reversible(undo) {
  let settle;
  let timer;
  const done = new Promise((resolve) => (settle = resolve));
  const hold = () => clearTimeout(timer);
  const end = () => {
    hold();
    settle();
  };
  const go = () => {
    hold();
    timer = setTimeout(end, WAIT);
  };
  go();
  return { done, hold, go, now: end, undo: () => {
    end();
    undo();
  } };
}

export class UndoBar {
  element;
  #entries = []; // the last one is undone first
  #text = h("bdi");
  #left;

  /** `left()`: the focus was on the bar, which goes. */
  constructor(say, left) {
    this.#left = left;
    const key = h("kbd", { "aria-hidden": "true" }, UNDO_KEY);
    const undo = button({ onclick: () => this.undo() }, say("undo"), key);
    this.element = h("div", { class: "undo", hidden: true }, this.#text, undo);
    const stays = { pointerenter: "hold", focusin: "hold", pointerleave: "go", focusout: "go" };
    for (const [event, method] of Object.entries(stays)) {
      this.element.addEventListener(event, () => this.#entries.at(-1)?.later[method]());
    }
  }

  /** `later`: as `inbox.later` gives it. */
  offer(text, later) {
    const entry = { text, later };
    this.#entries.push(entry);
    this.#show();
    later.done.then(() => {
      this.#entries = this.#entries.filter((each) => each !== entry);
      this.#show();
    });
  }

  /** Whether there was anything. */
  undo() {
    const entry = this.#entries.pop();
    entry?.later.undo();
    this.#show();
    return entry !== undefined;
  }

  /** It is too late for all of it. */
  close() {
    for (const { later } of this.#entries.splice(0)) later.now();
    this.#show();
  }

  #show() {
    const last = this.#entries.at(-1);
    const hadFocus = this.element.matches(":focus-within");
    if (last) setText(this.#text, last.text);
    this.element.hidden = !last;
    if (hadFocus && !last) this.#left();
  }
}
