/** One notification: as a row of the list, or in a toast. */

import { Choices } from "./choices.js";
import { dayName, dayOf } from "./days.js";
import { button, h, hasFocus, setText } from "./dom.js";
import { glyph, icon } from "./icons.js";
import { ago, nameOf, safeUrl } from "./text.js";

/** @import { Notification, Strings } from "../eventide-bell.js" */
/** @import { Icon } from "./icons.js" */
/** @import { Reader, Say } from "./types.js" */

/** @typedef {"read" | "unread" | "archive" | "unarchive"} Does */

/** @type {Record<Does, [Icon, keyof Strings]>} */
const FACES = {
  read: ["check", "markRead"],
  unread: ["letter", "markUnread"],
  archive: ["archive", "archive"],
  unarchive: ["outbox", "unarchive"],
};

/** Whether there is a pointer that can be at something without touching it. */
const canHover = () => matchMedia("(hover: hover)").matches;

/** What is shown of one notification. */
export class Row {
  element;
  main;
  actions;
  #reader;
  #item;
  #dot = h("span", { class: "dot", part: "dot" });
  #unread = h("span", { class: "unseen" });
  #time;
  /** @type {Choices | null} */
  #choices = null;
  #toggles;
  #remove;
  #isDressed = false;

  /**
   * @param {Reader} reader
   * @param {Notification} item
   */
  constructor(reader, item) {
    const { say } = reader;
    const name = nameOf(item);
    const url = item.link ? safeUrl(item.link) : null;
    const type = item.kind === "announcement" ? say("announcement") : say("typeName", item.type);
    this.#reader = reader;
    this.#item = item;
    this.#time = h("time", { datetime: item.createdAt, title: new Date(item.createdAt).toLocaleString(say("locale")) });
    const content = [
      this.#unread,
      ...(item.title ? [h("span", { class: "title", part: "title", dir: "auto" }, item.title)] : []),
      h("span", { class: item.title ? "message" : "message alone", part: "message", dir: "auto" }, item.message),
      h("span", { class: "meta", part: "meta" }, this.#time, h("span", {}, type)),
    ];
    this.main = url ? this.#link(url, content) : this.#button(content);
    this.main.addEventListener("pointerenter", () => this.#explain());
    if (item.actions?.length) this.#choices = new Choices(reader, item);
    this.#toggles = [
      new Toggle(say, name, () => (this.#isUnread ? "read" : "unread"), (does) => reader[does](this.#item)),
      new Toggle(say, name, () => (this.#item.archived ? "unarchive" : "archive"), (does) => reader[does](this.#item)),
    ];
    const removeName = { "aria-label": say("rowAction", say("remove"), name), title: say("remove") };
    const onclick = () => reader.remove(this.#item);
    this.#remove = button({ class: "icon", part: "action", ...removeName, onclick });
    const buttons = [...this.#toggles.map((each) => each.element), this.#remove];
    this.actions = h("span", { class: "actions", part: "actions" }, ...buttons);
    const children = [glyph(item), this.main, this.#dot, ...(this.#choices ? [this.#choices.element] : []), this.actions];
    this.element = h("div", { class: "row", part: "item", "data-id": item.id }, ...children);
    this.#render();
    this.tick();
    if (!canHover()) this.#dress();
    for (const event of ["pointerenter", "focusin"]) this.element.addEventListener(event, () => this.#dress());
  }

  get id() { return this.#item.id; }
  get item() { return this.#item; }
  get #isUnread() { return !this.#item.read && this.#item.stored !== false; }

  /** @param {Notification} item */
  update(item) {
    if (item === this.#item) return;
    this.#item = item;
    this.#render();
  }

  #render() {
    const item = this.#item;
    const unread = this.#isUnread;
    this.element.part.toggle("item-unread", unread);
    this.element.classList.toggle("is-unread", unread);
    setText(this.#unread, unread ? `${this.#reader.say("unread")}: ` : "");
    for (const toggle of this.#toggles) {
      toggle.element.hidden = item.stored === false; // the server does not have it
      toggle.show();
    }
    this.#choices?.update(item);
  }

  focus() {
    this.main.focus();
  }

  tick() {
    setText(this.#time, ago(this.#time.dateTime, Date.now(), this.#reader.say("locale")));
  }

  /**
   * Give the focus to the control after the one that has it, or before it.
   *
   * @param {1 | -1} by
   */
  move(by) {
    /** @type {NodeListOf<HTMLElement>} */
    const buttons = this.element.querySelectorAll(".choice, .icon:not([hidden])");
    const all = [this.main, ...buttons];
    const at = all.findIndex((each) => hasFocus(each));
    all[at + by]?.focus();
    return at >= 0;
  }

  /**
   * @param {URL} url
   * @param {HTMLElement[]} content
   */
  #link(url, content) {
    const elsewhere = url.origin !== location.origin;
    const more = elsewhere ? { target: "_blank", rel: "noopener noreferrer" } : {};
    const follow = (/** @type {MouseEvent} */ event) => this.#reader.follow(this.#item, url, event);
    const where = { href: url.href, ...more };
    return h("a", { class: "main", part: "link", ...where, onclick: follow, onauxclick: follow }, ...content);
  }

  /**
   * Without a link there is still the rest of a long message to see.
   *
   * @param {HTMLElement[]} content
   */
  #button(content) {
    const unfold = () => {
      this.main.setAttribute("aria-expanded", String(this.element.classList.toggle("unfolded")));
      this.#reader.follow(this.#item, null);
    };
    return button({ class: "main", part: "link", "aria-expanded": "false", onclick: unfold }, ...content);
  }

  /** Who points at a text that is cut off gets all of it. */
  #explain() {
    const texts = [...this.main.querySelectorAll(".title, .message")];
    const isCut = texts.some((text) => text.scrollHeight > text.clientHeight + 1);
    if (isCut) this.main.title = texts.map((text) => text.textContent).join("\n");
    else this.main.removeAttribute("title");
  }

  /** The buttons have no pictures until somebody is at the row: most rows are only scrolled past. */
  #dress() {
    if (this.#isDressed) return;
    this.#isDressed = true;
    for (const toggle of this.#toggles) toggle.dress();
    this.#remove.append(icon("bin"));
  }
}

/** A button for one thing or its opposite. */
class Toggle {
  element;
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
    this.element = button({ class: "icon", part: "action", onclick: () => act(now()) });
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

/** A `Row` in a `WindowedList`; the first of a day is headed by it. */
export class ListRow {
  element;
  row;
  #say;
  #day = h("h3", { class: "day", part: "day", hidden: true });
  #isFirst = false;

  /**
   * @param {Reader} reader
   * @param {Notification} item
   */
  constructor(reader, item) {
    this.#say = reader.say;
    this.row = new Row(reader, item);
    this.element = h("li", { class: "entry" }, this.#day, this.row.element);
  }

  /**
   * @param {Notification} item
   * @param {number} index
   * @param {readonly Notification[]} items
   */
  update(item, index, items) {
    const before = items[index - 1];
    this.#isFirst = !before || dayOf(before.createdAt) !== dayOf(item.createdAt);
    this.row.update(item);
    this.#head();
  }

  focus() {
    this.row.focus();
  }

  tick() {
    this.row.tick();
    this.#head();
  }

  #head() {
    const text = this.#isFirst ? dayName(this.row.item.createdAt, Date.now(), this.#say("locale")) : "";
    setText(this.#day, text);
    this.#day.hidden = !text;
  }
}
