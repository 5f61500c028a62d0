/** What is done in a while, unless it is undone: in this tab, and what the other tabs wait for. */

import { CHANGES } from "./changes.js";

// Milliseconds
const REPEAT = 5_000;
const FORGET_AFTER = 20_000; // a tab that has crashed does nothing any more; a hidden one has slow clocks

export class Laters {
  #mine = new Map(); // by key: `{later, change}`
  #theirs = new Map(); // by key: `{change, timer}`
  #items;
  #act;
  #hidden;
  #changed;
  #post;

  /**
   * `items`: where they are hidden. `act(action, ids)`: promises whether it was done. `hidden(action, ids)`: they have
   * left the list. `changed()`: others are shown now. `post(message)`: tells the other tabs.
   */
  constructor({ items, act, hidden, changed, post }) {
    this.#items = items;
    this.#act = act;
    this.#hidden = hidden;
    this.#changed = changed;
    this.#post = post;
  }

  /** What is given back is described as `Later` in eventide-bell.d.ts. */
  add(action, wanted, wait) {
    const key = Math.random().toString(36).slice(2);
    const change = { ids: new Set(wanted), fields: CHANGES[action].fields };
    const say = (state) => this.#post({ key, action, ids: [...change.ids], state });
    let timer = 0;
    let decide;
    const end = (isDone) => {
      if (!this.#mine.delete(key)) return;
      clearTimeout(timer);
      clearInterval(repeat);
      this.#items.lift(change);
      if (isDone && change.ids.size) this.#act(action, [...change.ids]).then((isDone) => say(isDone ? "done" : "undone"));
      else say("undone");
      this.#changed();
      decide(isDone);
    };
    const later = {
      done: new Promise((resolve) => (decide = resolve)),
      undo: () => end(false),
      now: () => end(true),
      hold: () => clearTimeout(timer),
      go() {
        clearTimeout(timer);
        timer = setTimeout(later.now, wait);
      },
    };
    const repeat = setInterval(() => say("waiting"), REPEAT);
    // Whatever comes last counts.
    for (const other of this.#mine.values()) for (const id of change.ids) other.change.ids.delete(id);
    this.#mine.set(key, { later, change, say });
    later.go();
    say("waiting");
    this.#hide(action, change);
    return later;
  }

  /** The page is left, or another user signs in. */
  leave() {
    for (const { later } of [...this.#mine.values()]) later.now();
    for (const key of [...this.#theirs.keys()]) this.#forget(key);
  }

  /** A new tab wants to know. */
  repeat() {
    for (const { say } of this.#mine.values()) say("waiting");
  }

  /** What another tab has told. */
  hear({ key, action, ids, state }) {
    this.#forget(key);
    const change = { ids: new Set(ids), fields: CHANGES[action].fields };
    if (state === "done") this.#items.tell(change);
    if (state === "waiting") {
      const timer = setTimeout(() => (this.#forget(key), this.#changed()), FORGET_AFTER);
      this.#theirs.set(key, { change, timer });
      this.#hide(action, change);
    } else this.#changed();
  }

  #hide(action, change) {
    this.#items.lay(change);
    this.#hidden(action, [...change.ids]);
    this.#changed();
  }

  #forget(key) {
    const known = this.#theirs.get(key);
    if (!known) return;
    clearTimeout(known.timer);
    this.#theirs.delete(key);
    this.#items.lift(known.change);
  }
}
