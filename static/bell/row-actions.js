/** The buttons of a row, by which the reader does something with it. */

import { mustAcknowledge } from "./acknowledging.js";
import { button, copied, h } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf } from "./text.js";

/** @import { Strings } from "../eventide-bell.js" */
/** @import { Icon } from "./icons.js" */
/** @import { Row } from "./rows.js" */
/** @import { Reader, Say } from "./types.js" */

/** @typedef {"read" | "unread" | "archive" | "unarchive"} Does */

/** @type {Record<Does, [Icon, keyof Strings]>} */
const FACES = {
  read: ["check", "markRead"],
  unread: ["letter", "markUnread"],
  archive: ["archive", "archive"],
  unarchive: ["outbox", "unarchive"],
};

const SHAPES = {
  actions: copied(() => h("span", { class: "actions", part: "actions" })),
  button: copied(() => button({ class: "icon", part: "action" })),
};

/** @type {MediaQueryList | undefined} */
let hover;

/** Whether there is a pointer that can be at something without touching it. */
const canHover = () => (hover ??= matchMedia("(hover: hover)")).matches;

/**
 * Most rows are only scrolled past: a row has its buttons once it has stayed in the page for a moment, or somebody is at
 * it; and only then do they have pictures.
 */
export class RowActions {
  #reader;
  #row;
  /** @type {Toggle[]} */
  #toggles = [];
  /** @type {HTMLElement | null} */
  #remove = null;
  /** @type {HTMLElement | null} */
  #all = null;
  #isDressed = false;

  /**
   * @param {Reader} reader
   * @param {Row} row
   */
  constructor(reader, row) {
    this.#reader = reader;
    this.#row = row;
    for (const event of ["pointerenter", "focusin"]) row.element.addEventListener(event, () => this.#dress());
    if (!canHover()) this.#dress();
  }

  /** The row shows something else now. */
  update() {
    if (this.#all) this.#all.hidden = mustAcknowledge(this.#row.item);
    for (const toggle of this.#toggles) {
      toggle.element.hidden = this.#row.item.stored === false; // the server does not have it
      toggle.show();
    }
  }

  make() {
    if (this.#remove) return;
    const row = this.#row;
    const reader = this.#reader;
    const { say } = reader;
    const name = nameOf(row.item);
    const now = /** @type {const} */ ([
      () => (row.isUnread ? "read" : "unread"), () => (row.item.archived ? "unarchive" : "archive"),
    ]);
    this.#toggles = now.map((does) => new Toggle(say, name, does, (does) => reader[does](row.item)));
    this.#remove = SHAPES.button();
    this.#remove.setAttribute("aria-label", say("rowAction", say("remove"), name));
    this.#remove.title = say("remove");
    this.#remove.addEventListener("click", () => reader.remove(row.item));
    const actions = (this.#all = SHAPES.actions());
    actions.append(...this.#toggles.map((each) => each.element), this.#remove);
    this.update();
    row.element.append(actions);
  }

  #dress() {
    if (this.#isDressed) return;
    this.#isDressed = true;
    this.make();
    for (const toggle of this.#toggles) toggle.dress();
    this.#remove?.append(icon("bin"));
  }
}

/** A button for one thing or its opposite. */
class Toggle {
  element = SHAPES.button();
  #say;
  #name;
  #now;
  /** @type {Does | undefined} */
  #shown;
  #isDressed = false;

  /**
   * @param {Say} say
   * @param {string} name
   * @param {() => Does} now which of the two it is for
   * @param {(does: Does) => void} act
   */
  constructor(say, name, now, act) {
    this.#say = say;
    this.#name = name;
    this.#now = now;
    this.element.addEventListener("click", () => act(now()));
  }

  show() {
    const now = this.#now();
    if (this.#shown === now) return;
    this.#shown = now;
    const [, string] = FACES[now];
    const text = this.#say(string);
    if (this.#isDressed) this.dress();
    this.element.setAttribute("aria-label", this.#say("rowAction", text, this.#name));
    this.element.title = text;
  }

  /** Show its picture. */
  dress() {
    this.#isDressed = true;
    this.element.replaceChildren(icon(FACES[this.#now()][0]));
  }
}

