/** Notifications as rows of a list, or one in a toast. */

import { button, h, setText } from "./dom.js";
import { glyph, icon } from "./icons.js";
import { ago, nameOf, readable, safeUrl } from "./text.js";

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Icon } from "./icons.js" */
/** @import { Reader } from "./types.js" */

/** One notification in a list or a toast. */
export class Row {
  element;
  main;
  #reader;
  /** @type {Notification} */
  #item;
  #dot = h("span", { class: "dot", part: "dot" });
  #unread = h("span", { class: "unseen" });
  #time;
  #readButton;

  /**
   * @param {Reader} reader
   * @param {Notification} item
   * @param {"li" | "div"} tag
   */
  constructor(reader, item, tag) {
    const { say } = reader;
    const name = nameOf(item);
    const url = item.link ? safeUrl(item.link) : null;
    const type = item.kind === "announcement" ? say("announcement") : readable(item.type);
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
    this.#readButton = this.#action("check", "markRead", name, () => reader.read(item.id));
    const removeButton = this.#action("bin", "remove", name, () => reader.remove(item.id));
    const actions = h("span", { class: "actions", part: "actions" }, this.#readButton, removeButton);
    const children = [glyph(item), this.main, this.#dot, actions];
    this.element = h(tag, { class: "row", part: "item", "data-id": item.id }, ...children);
    this.#render();
    this.tick();
  }

  get id() {
    return this.#item.id;
  }

  /** @param {Notification} item */
  update(item) {
    if (item === this.#item) return;
    this.#item = item;
    this.#render();
  }

  #render() {
    const item = this.#item;
    const unread = !item.read && item.stored !== false;
    this.element.part.toggle("item-unread", unread);
    this.element.classList.toggle("is-unread", unread);
    setText(this.#unread, unread ? `${this.#reader.say("unread")}: ` : "");
    // A button that disappears under the focus would send a keyboard's user back to the top of the page.
    if (!unread && this.#readButton.matches(":focus")) this.main.focus();
    this.#readButton.hidden = !unread;
  }

  tick() {
    setText(this.#time, ago(this.#time.dateTime, Date.now(), this.#reader.say("locale")));
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

  /**
   * @param {Icon} symbol
   * @param {"markRead" | "remove"} string
   * @param {string} name
   * @param {() => void} onclick
   */
  #action(symbol, string, name, onclick) {
    const say = this.#reader.say;
    const label = say("rowAction", say(string), name);
    return button({ class: "icon", part: "action", "aria-label": label, title: say(string), onclick }, icon(symbol));
  }
}

/** Rows by id. They stay the same elements, so focus and selection stay where they are. */
export class List {
  element;
  #make;
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /**
   * @param {HTMLElement} element
   * @param {(item: Notification) => Row} make
   */
  constructor(element, make) {
    this.element = element;
    this.#make = make;
  }

  /** @param {readonly Notification[]} items */
  render(items) {
    const wanted = new Set(items.map((item) => item.id));
    const focus = this.#focusAfter(wanted);
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    let place = this.element.firstElementChild;
    for (const item of items) {
      const row = this.#rows.get(item.id) ?? this.#add(item);
      row.update(item);
      if (row.element === place) place = place.nextElementSibling;
      else this.element.insertBefore(row.element, place);
    }
    focus?.focus();
  }

  tick() {
    for (const row of this.#rows.values()) row.tick();
  }

  /**
   * Where the focus goes from here: "ArrowDown" and the like. Whether it went.
   *
   * @param {string} key
   */
  move(key) {
    const rows = [...this.#rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    const at = rows.findIndex((row) => row.element.matches(":focus-within"));
    /** @type {Record<string, number>} */
    const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    const to = places[key];
    if (to === undefined || !rows[to]) return false;
    rows[to].main.focus();
    return true;
  }

  get focused() {
    return [...this.#rows.values()].find((row) => row.element.matches(":focus-within"));
  }

  /** @param {Notification} item */
  #add(item) {
    const row = this.#make(item);
    this.#rows.set(item.id, row);
    return row;
  }

  /**
   * What gets the focus when its row goes: the next row, else the one before, else the list itself.
   *
   * @param {Set<string>} wanted
   * @returns {HTMLElement | null | undefined}
   */
  #focusAfter(wanted) {
    const row = this.focused;
    if (!row || wanted.has(row.id)) return null;
    const ids = [...this.#rows.keys()].filter((id) => wanted.has(id)).sort();
    const next = ids.findLast((id) => id < row.id) ?? ids[0];
    return next === undefined ? this.element : this.#rows.get(next)?.main;
  }
}
