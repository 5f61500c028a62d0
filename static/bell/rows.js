/** One notification: as a row of the list, or in a toast. */

import { Choices } from "./choices.js";
import { dayName, dayOf } from "./days.js";
import { button, h, setText } from "./dom.js";
import { glyph, icon } from "./icons.js";
import { ago, nameOf, safeUrl } from "./text.js";

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
  #choices = null;
  #toggles;

  /** `reader`: what the reader can do, `{say, read, unread, archive, unarchive, remove, follow, choose}`. */
  constructor(reader, item) {
    const { say } = reader;
    const name = nameOf(item);
    const url = item.link ? safeUrl(item.link) : null;
    const type = item.kind === "announcement" ? say("announcement") : say("typeName", item.type);
    this.#reader = reader;
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
      new Toggle(say, name, () => (this.#isUnread ? READ : UNREAD), (does) => reader[does](this.#item)),
      new Toggle(say, name, () => (this.#item.archived ? UNARCHIVE : ARCHIVE), (does) => reader[does](this.#item)),
    ];
    const remove = this.#action("bin", "remove", name, () => reader.remove(this.#item));
    this.actions = h("span", { class: "actions", part: "actions" }, ...this.#toggles.map((each) => each.element), remove);
    const children = [glyph(item), this.main, this.#dot, ...(this.#choices ? [this.#choices.element] : []), this.actions];
    this.element = h("div", { class: "row", part: "item", "data-id": item.id }, ...children);
    this.update(item);
    this.tick();
  }

  get id() { return this.#item.id; }
  get item() { return this.#item; }
  get #isUnread() { return !this.#item.read && this.#item.stored !== false; }

  update(item) {
    if (item === this.#item) return;
    this.#item = item;
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

  /** The control after the one that has the focus, or before it. */
  move(by) {
    const all = [this.main, ...this.element.querySelectorAll(".choice, .icon:not([hidden])")];
    const at = all.findIndex((each) => each.matches(":focus"));
    all[at + by]?.focus();
    return at >= 0;
  }

  #link(url, content) {
    const elsewhere = url.origin !== location.origin;
    const more = elsewhere ? { target: "_blank", rel: "noopener noreferrer" } : {};
    const follow = (event) => this.#reader.follow(this.#item, url, event);
    const where = { href: url.href, ...more };
    return h("a", { class: "main", part: "link", ...where, onclick: follow, onauxclick: follow }, ...content);
  }

  /** Without a link there is still the rest of a long message to see. */
  #button(content) {
    const unfold = () => {
      this.main.setAttribute("aria-expanded", this.element.classList.toggle("unfolded"));
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

  #action(symbol, string, name, onclick) {
    const { say } = this.#reader;
    const label = say("rowAction", say(string), name);
    return button({ class: "icon", part: "action", "aria-label": label, title: say(string), onclick }, icon(symbol));
  }
}

// What a button does: its icon, its text, and the reader's function.
const READ = ["check", "markRead", "read"];
const UNREAD = ["letter", "markUnread", "unread"];
const ARCHIVE = ["archive", "archive", "archive"];
const UNARCHIVE = ["outbox", "unarchive", "unarchive"];

/** A button for one thing or its opposite. */
class Toggle {
  element;
  #say;
  #name;
  #now;
  #shown;

  /** `now()`: which it is. `act(does)`: do it. */
  constructor(say, name, now, act) {
    this.#say = say;
    this.#name = name;
    this.#now = now;
    this.element = button({ class: "icon", part: "action", onclick: () => act(now()[2]) });
  }

  show() {
    const [symbol, string] = this.#now();
    if (this.#shown === string) return;
    this.#shown = string;
    const text = this.#say(string);
    this.element.replaceChildren(icon(symbol));
    this.element.setAttribute("aria-label", this.#say("rowAction", text, this.#name));
    this.element.title = text;
  }
}

/** A `Row` in a `WindowedList`; the first of a day is headed by it. */
export class ListRow {
  element;
  row;
  #say;
  #day = h("h3", { class: "day", part: "day", hidden: true });
  #isFirst = false;

  constructor(reader, item) {
    this.#say = reader.say;
    this.row = new Row(reader, item);
    this.element = h("li", { class: "entry" }, this.#day, this.row.element);
  }

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
