/** One notification: as a row of the list, or in a toast. */

import { mustAcknowledge } from "./acknowledging.js";
import { Choices } from "./choices.js";
import { dayName, dayOf } from "./days.js";
import { button, copied, h, hasFocus, setText } from "./dom.js";
import { glyph, icon } from "./icons.js";
import { RowActions } from "./row-actions.js";
import { ago, nameOf, safeUrl } from "./text.js";

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Reader } from "./types.js" */

const SHAPES = {
  row: copied(() => h("div", { class: "row", part: "item" })),
  button: copied(() => button({ class: "main", part: "link", "aria-expanded": "false" })),
  link: copied(() => h("a", { class: "main", part: "link" })),
  unread: copied(() => h("span", { role: "img" })),
  title: copied(() => h("span", { class: "title", part: "title", dir: "auto" })),
  message: copied(() => h("span", { class: "message", part: "message", dir: "auto" })),
  meta: copied(() => h("span", { class: "meta", part: "meta" }, h("time"))),
  dot: copied(() => h("span", { class: "dot", part: "dot" })),
  entry: copied(() => h("li", { class: "entry" })),
};

/** What is shown of one notification. */
export class Row {
  element = SHAPES.row();
  main;
  #reader;
  #item;
  /** @type {HTMLElement | null} */
  #unread = null;
  #time;
  /** @type {Choices | null} */
  #choices = null;
  /** @type {HTMLElement | null} */
  #acknowledge = null;

  /**
   * @param {Reader} reader
   * @param {Notification} item
   */
  constructor(reader, item) {
    const url = item.link ? safeUrl(item.link) : null;
    this.#reader = reader;
    this.#item = item;
    this.main = url ? this.#link(url) : this.#button();
    this.#time = this.#fill();
    this.main.addEventListener("pointerenter", () => this.#explain());
    this.element.setAttribute("data-id", item.id);
    this.element.append(glyph(item), this.main, SHAPES.dot());
    if (item.actions?.length) this.element.append((this.#choices = new Choices(reader, item)).element);
    this.#render();
    this.tick();
  }

  get id() { return this.#item.id; }
  get item() { return this.#item; }
  get isUnread() { return !this.#item.read && this.#item.stored !== false; }

  /** @param {Notification} item */
  update(item) {
    if (item === this.#item) return;
    this.#item = item;
    this.#render();
  }

  #render() {
    const unread = this.isUnread;
    if (unread !== this.element.classList.contains("is-unread")) {
      this.element.part.toggle("item-unread", unread);
      this.element.classList.toggle("is-unread", unread);
      if (unread) this.#sayUnread();
      else this.#unread?.remove();
    }
    this.#choices?.update(this.#item);
    if (mustAcknowledge(this.#item) !== (this.#acknowledge !== null)) this.#offerToAcknowledge();
  }

  /** The button, until it was pressed; then the focus is where it can go on from. */
  #offerToAcknowledge() {
    const before = this.#acknowledge;
    this.element.part.toggle("item-required", !before);
    if (this.#choices) this.#choices.element.hidden = !before; // they wait for it
    this.#acknowledge = before ? null : this.#acknowledgeButton();
    if (this.#acknowledge) return this.element.append(this.#acknowledge);
    if (before && hasFocus(before)) this.focus();
    before?.remove();
  }

  #acknowledgeButton() {
    const { say } = this.#reader;
    const name = say("rowAction", say("acknowledge"), nameOf(this.#item));
    const onclick = () => this.#reader.acknowledge(this.#item);
    const looks = { class: "choice primary", part: "choice acknowledge", "aria-label": name, onclick };
    return h("span", { class: "choices", part: "choices" }, button(looks, icon("check"), say("acknowledge")));
  }

  #sayUnread() {
    this.#unread ??= SHAPES.unread();
    this.#unread.setAttribute("aria-label", `${this.#reader.say("unread")}: `);
    this.main.firstElementChild?.prepend(this.#unread);
  }

  focus() {
    this.main.focus();
  }

  tick() {
    setText(this.#time, ago(this.#item.createdAt, Date.now(), this.#reader.say("locale")));
  }

  /**
   * Give the focus to the control after the one that has it, or before it.
   *
   * @param {1 | -1} by
   */
  move(by) {
    /** @type {NodeListOf<HTMLElement>} */
    const buttons = this.element.querySelectorAll(":not([hidden]) > :is(.choice, .icon):not([hidden])");
    const all = [this.main, ...buttons];
    const at = all.findIndex((each) => hasFocus(each));
    all[at + by]?.focus();
    return at >= 0;
  }

  /** What it says; and the element of its time. */
  #fill() {
    const { title, message, type, kind, createdAt, collapsed } = this.#item;
    const { say } = this.#reader;
    const texts = [SHAPES.message(), SHAPES.meta()];
    const [text, meta] = texts;
    const time = /** @type {HTMLTimeElement} */ (meta.firstChild);
    if (title) {
      const heading = SHAPES.title();
      heading.textContent = title;
      texts.unshift(heading);
    } else text.classList.add("alone");
    text.textContent = message;
    time.dateTime = createdAt;
    meta.append(` · ${kind === "announcement" ? say("announcement") : say("typeName", type)}`);
    if (collapsed) meta.append(" · ", h("span", { part: "earlier" }, say("earlier", collapsed)));
    this.main.append(...texts);
    return time;
  }

  /** @param {URL} url */
  #link(url) {
    const follow = (/** @type {Event} */ event) =>
      this.#reader.follow(this.#item, url, /** @type {MouseEvent} */ (event));
    const link = SHAPES.link();
    link.href = url.href;
    if (url.origin !== location.origin) Object.assign(link, { target: "_blank", rel: "noopener noreferrer" });
    for (const event of ["click", "auxclick"]) link.addEventListener(event, follow);
    return link;
  }

  /** Without a link there is still the rest of a long message to see. */
  #button() {
    const main = SHAPES.button();
    main.addEventListener("click", () => {
      main.setAttribute("aria-expanded", String(this.element.classList.toggle("unfolded")));
      this.#reader.follow(this.#item, null);
    });
    return main;
  }

  /** Who points at it gets the whole time, and all of a text that is cut off. */
  #explain() {
    this.#time.title ||= new Date(this.#item.createdAt).toLocaleString(this.#reader.say("locale"));
    const texts = [...this.main.querySelectorAll(".title, .message")];
    const isCut = texts.some((text) => text.scrollHeight > text.clientHeight + 1);
    if (isCut) this.main.title = texts.map((text) => text.textContent).join("\n");
    else this.main.removeAttribute("title");
  }
}

/**
 * A `Row` in a `WindowedList`, with what the reader can do; the first of a day is headed by it, and the first of those that
 * must be acknowledged by that.
 */
export class ListRow {
  element = SHAPES.entry();
  row;
  #say;
  #actions;
  /** @type {HTMLElement | null} */
  #day = null;
  #isFirst = false;
  /** @type {Notification | null | undefined} */
  #before = null; // undefined: there is none

  /**
   * @param {Reader} reader
   * @param {Notification} item
   */
  constructor(reader, item) {
    this.#say = reader.say;
    this.row = new Row(reader, item);
    this.#actions = new RowActions(reader, this.row);
    this.element.append(this.row.element);
  }

  /**
   * @param {Notification} item
   * @param {number} index
   * @param {readonly Notification[]} items
   */
  update(item, index, items) {
    const before = items[index - 1];
    const isNew = item !== this.row.item;
    if (isNew) {
      this.row.update(item);
      this.#actions.update();
    }
    if (before === this.#before && !isNew) return;
    this.#before = before;
    this.#isFirst = !before || groupOf(before) !== groupOf(item);
    this.#head();
  }

  settle() {
    this.#actions.make();
  }

  focus() {
    this.row.focus();
  }

  tick() {
    this.row.tick();
    this.#head();
  }

  #head() {
    const text = this.#isFirst ? this.#heading() : "";
    if (!text && !this.#day) return;
    if (!this.#day) this.element.prepend((this.#day = h("h3", { class: "day", part: "day" })));
    setText(this.#day, text);
    this.#day.hidden = !text;
  }

  #heading() {
    const { item } = this.row;
    return mustAcknowledge(item) ? this.#say("required") : dayName(item.createdAt, Date.now(), this.#say("locale"));
  }
}

/**
 * What has the same heading.
 *
 * @param {Notification} item
 */
const groupOf = (item) => (mustAcknowledge(item) ? "required" : dayOf(item.createdAt));
