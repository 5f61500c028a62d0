/** One notification, as a row of a list or in a toast. */

import { button, h, setText } from "./dom.js";
import { glyph, icon } from "./icons.js";
import { ago, nameOf, readable, safeUrl } from "./text.js";

/** One notification in a list or a toast. */
export class Row {
  element;
  main;
  #reader;
  #item;
  #dot = h("span", { class: "dot", part: "dot" });
  #unread = h("span", { class: "unseen" });
  #time;
  #readButton;

  /** `reader`: what the reader can do, `{say, read, remove, follow}`. */
  constructor(reader, item, tag) {
    const { say } = reader;
    const name = nameOf(item);
    const url = item.link ? safeUrl(item.link) : null;
    const type = item.kind === "announcement" ? say("announcement") : readable(item.type);
    this.#reader = reader;
    this.#time = h("time", { datetime: item.createdAt, title: new Date(item.createdAt).toLocaleString(say("locale")) });
    const content = [
      this.#unread,
      ...(item.title ? [h("span", { class: "title", part: "title", dir: "auto" }, item.title)] : []),
      h("span", { class: item.title ? "message" : "message alone", part: "message", dir: "auto" }, item.message),
      h("span", { class: "meta", part: "meta" }, this.#time, h("span", {}, type)),
    ];
    this.main = url ? this.#link(url, content) : this.#button(content);
    this.#readButton = this.#action("check", "markRead", name, () => reader.read(item.id));
    const removeButton = this.#action("bin", "remove", name, () => reader.remove(item.id));
    const actions = h("span", { class: "actions", part: "actions" }, this.#readButton, removeButton);
    const children = [glyph(item), this.main, this.#dot, actions];
    this.element = h(tag, { class: "row", part: "item", "data-id": item.id }, ...children);
    this.update(item);
    this.tick();
  }

  get id() {
    return this.#item.id;
  }

  update(item) {
    if (item === this.#item) return;
    this.#item = item;
    const unread = !item.read && item.stored !== false;
    this.element.part.toggle("item-unread", unread);
    this.element.classList.toggle("is-unread", unread);
    setText(this.#unread, unread ? `${this.#reader.say("unread")}: ` : "");
    // A button that disappears under the focus would send a keyboard's user back to the top of the page.
    if (!unread && this.#readButton.matches(":focus")) this.main.focus();
    this.#readButton.hidden = !unread;
  }

  focus() {
    this.main.focus();
  }

  tick() {
    setText(this.#time, ago(this.#time.dateTime, Date.now(), this.#reader.say("locale")));
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

  #action(symbol, string, name, onclick) {
    const say = this.#reader.say;
    const label = say("rowAction", say(string), name);
    return button({ class: "icon", part: "action", "aria-label": label, title: say(string), onclick }, icon(symbol));
  }
}
