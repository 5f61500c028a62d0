/** What is done in a while, unless it is undone: in this tab, and what the other tabs wait for. */

import { CHANGES } from "./changes.js";
import { Withheld } from "./withheld.js";

/** @import { Later } from "../eventide-bell.js" */
/** @import { Items } from "./items.js" */
/** @import { Edit, LaterAction, LaterMessage } from "./types.js" */

/** @typedef {Edit & { ids: Set<string> }} Hiding */

// Milliseconds
const REPEAT = 5_000;
const FORGET_AFTER = 20_000; // a tab that has crashed does nothing any more; a hidden one has slow clocks

export class Laters {
  withheld = new Withheld();
  /** @type {Map<string, { later: Later, edit: Hiding, say: (state: LaterMessage["state"]) => void }>} */
  #mine = new Map();
  /** @type {Map<string, { edit: Hiding, timer: ReturnType<typeof setTimeout> }>} */
  #theirs = new Map();
  #items;
  #act;
  #hidden;
  #changed;
  #post;

  /**
   * @param {{
   *   items: Items,
   *   act: (action: LaterAction, ids: string[]) => Promise<boolean>,
   *   hidden: (action: LaterAction, ids: string[]) => void,
   *   changed: () => void,
   *   post: (message: LaterMessage) => void,
   * }} options `items`: where they are hidden. `act`: promises whether it was done. `hidden`: they have left the list.
   *   `changed`: others are shown now. `post`: tells the other tabs.
   */
  constructor({ items, act, hidden, changed, post }) {
    this.#items = items;
    this.#act = act;
    this.#hidden = hidden;
    this.#changed = changed;
    this.#post = post;
  }

  /**
   * @param {LaterAction} action
   * @param {readonly string[]} wanted
   * @param {number} wait
   * @returns {Later}
   */
  add(action, wanted, wait) {
    const key = Math.random().toString(36).slice(2);
    const edit = { ids: new Set(wanted), fields: CHANGES[action].fields };
    const say = (/** @type {LaterMessage["state"]} */ state) => this.#post({ key, action, ids: [...edit.ids], state });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let decide = (/** @type {boolean} */ _isDone) => {};
    const end = (/** @type {boolean} */ isDone) => {
      if (!this.#mine.delete(key)) return;
      clearTimeout(timer);
      clearInterval(repeat);
      this.#items.lift(edit);
      if (isDone && edit.ids.size) this.#act(action, [...edit.ids]).then((isDone) => {
        this.#release(edit);
        say(isDone ? "done" : "undone");
      });
      else {
        this.withheld.release(edit.ids);
        say("undone");
      }
      this.#changed();
      decide(isDone);
    };
    const later = {
      done: /** @type {Promise<boolean>} */ (new Promise((resolve) => (decide = resolve))),
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
    for (const other of this.#mine.values()) for (const id of edit.ids) other.edit.ids.delete(id);
    this.#mine.set(key, { later, edit, say });
    later.go();
    say("waiting");
    this.#hide(action, edit);
    return later;
  }

  /** The page is left, or another user signs in. */
  leave() {
    for (const { later } of [...this.#mine.values()]) later.now();
    for (const [key, { edit }] of [...this.#theirs]) {
      this.#forget(key);
      this.withheld.release(edit.ids);
    }
  }

  /** A new tab wants to know. */
  repeat() {
    for (const { say } of this.#mine.values()) say("waiting");
  }

  /**
   * What another tab has told.
   *
   * @param {LaterMessage} message
   */
  hear({ key, action, ids, state }) {
    this.#forget(key);
    const edit = { ids: new Set(ids), fields: CHANGES[action].fields };
    if (state !== "waiting") this.withheld.release(ids);
    if (state === "done") this.#items.tell(edit);
    if (state === "waiting") {
      const timer = setTimeout(() => (this.#forget(key), this.#release(edit)), FORGET_AFTER);
      this.#theirs.set(key, { edit, timer });
      this.#hide(action, edit);
    } else this.#changed();
  }

  /**
   * @param {LaterAction} action
   * @param {Hiding} edit
   */
  #hide(action, edit) {
    if (action !== "unarchive") for (const id of edit.ids) this.withheld.add(this.#items.get(id));
    this.#items.lay(edit);
    this.#hidden(action, [...edit.ids]);
    this.#changed();
  }

  /** @param {Hiding} edit */
  #release({ ids }) {
    this.withheld.release(ids);
    this.#changed();
  }

  /** @param {string} key */
  #forget(key) {
    const known = this.#theirs.get(key);
    if (!known) return;
    clearTimeout(known.timer);
    this.#theirs.delete(key);
    this.#items.lift(known.edit);
  }
}
