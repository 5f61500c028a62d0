/** One notification as a row: its link, its own buttons, and what the reader can do with it. */

import { ago, glyph, mustAcknowledge, readable } from "../eventide-bell.js";
import { button, copied, h, icon, setText } from "./dom.js";
import { highlighted, linkOf, nameOf } from "./text.js";

export const isUnread = (item) => !item.read && item.stored !== false;
export const isAnnouncement = (item) => item.kind === "announcement" || item.userId === undefined;

const SHAPES = {
  row: copied(() => h("li", { class: "row" })),
  pick: copied(() => h("label", { class: "pick" }, h("input", { type: "checkbox", tabindex: "-1" }))),
  texts: copied(() => h(
    "span", {},
    h("span", { class: "title" }, h("bdi")),
    h("span", { class: "message" }, h("bdi")),
  )),
  unread: copied(() => h("span", { role: "img" })),
  meta: copied(() => h("p", { class: "meta" }, h("time"), " ", h("span", { class: "type" }))),
  body: copied(() => h("div", { class: "body" })),
  tools: copied(() => h("div", { class: "tools" })),
  tool: copied(() => button({ class: "tool" })),
};

/** Where nothing can be pointed at, buttons are always shown. */
let hover;
const canHover = () => (hover ??= matchMedia("(hover: hover)")).matches;

/**
 * Most rows are only scrolled past: a row has its tools once it has stayed in the page for a moment (`settle`), or
 * somebody is at it.
 *
 * Only the current row is in the tab order, so that what comes after the list is not hundreds of keys away.
 *
 * `context`: `{say, appUrl, open(item, url, event), act(name, id), choose(item, action), acknowledge(item)}`.
 */
export class Row {
  element;
  main;
  box;
  #context;
  #createdAt;
  #item;
  #searched;
  #unread = SHAPES.unread();
  #title;
  #message;
  #time;
  #body = SHAPES.body();
  #choices = null;
  #acknowledge = null;
  #tools = SHAPES.tools();
  #read = null;
  #archive = null;

  constructor(item, context) {
    const { say } = context;
    this.#context = context;
    this.#createdAt = item.createdAt;
    const url = item.link ? linkOf(item.link, context.appUrl) : null;
    const pick = SHAPES.pick();
    this.box = pick.firstChild;
    this.box.setAttribute("aria-label", say("select", nameOf(item)));
    this.main = url ? this.#link(url) : this.#unfold();
    const [title, message] = SHAPES.texts().children;
    [this.#title, this.#message] = [title.firstChild, message.firstChild];
    title.hidden = !item.title;
    this.#unread.setAttribute("aria-label", `${say("unread")}: `);
    this.main.append(title, message);
    const meta = this.#meta(item, url);
    this.#time = meta.firstChild;
    this.#body.append(this.main, meta);
    this.element = SHAPES.row();
    this.element.dataset.id = item.id;
    this.element.append(pick, glyph(this.#pictured(item)), this.#body, this.#tools);
    for (const event of ["pointerenter", "focusin"]) this.element.addEventListener(event, () => this.#attended());
  }

  get item() { return this.#item; }

  /** `searched`: what to mark in the text. `selected`, `isTabbable`: whether it is. */
  update(item, { searched, selected, isTabbable }) {
    if (this.box.checked !== selected) this.box.checked = selected;
    this.element.classList.toggle("is-selected", selected);
    this.#setTabbable(isTabbable);
    if (searched !== this.#searched) {
      this.#searched = searched;
      this.#title.replaceChildren(...highlighted(item.title, searched));
      this.#message.replaceChildren(...highlighted(item.message, searched));
    }
    if (item === this.#item) return;
    const before = this.#item;
    this.#item = item;
    const unread = isUnread(item);
    this.element.classList.toggle("is-unread", unread);
    if (!unread) this.#unread.remove();
    else (item.title ? this.#title : this.#message).before(this.#unread);
    if (this.#read) this.#showTools();
    else if (!canHover()) this.settle();
    if (item.actions?.length && (item.action?.id !== before?.action?.id || !before)) this.#offer(item);
    if (mustAcknowledge(item) !== Boolean(this.#acknowledge)) this.#offerToAcknowledge();
  }

  settle() {
    if (this.#read) return;
    this.#read = this.#tool("read");
    this.#archive = this.#tool("archive");
    const remove = this.#tool("remove");
    this.#retool(remove, "bin", "remove");
    this.#tools.hidden = mustAcknowledge(this.#item);
    this.#showTools();
    this.#tools.append(this.#read, this.#archive, remove);
  }

  /** Somebody is at it. */
  #attended() {
    this.settle();
    this.#time.title ||= new Date(this.#item.createdAt).toLocaleString(this.#context.say("locale"));
  }

  #showTools() {
    const item = this.#item;
    const unread = isUnread(item);
    this.#retool(this.#read, unread ? "check" : "letter", unread ? "markRead" : "markUnread");
    this.#retool(this.#archive, item.archived ? "back" : "archive", item.archived ? "unarchive" : "archive");
    for (const tool of [this.#read, this.#archive]) tool.hidden = item.stored === false;
  }

  tick() {
    setText(this.#time, ago(this.#createdAt, Date.now(), this.#context.say("locale")));
  }

  #setTabbable(on) {
    const tabindex = on ? "0" : "-1";
    if (this.main.getAttribute("tabindex") === tabindex) return;
    for (const each of this.element.querySelectorAll("a, button, input")) each.setAttribute("tabindex", tabindex);
  }

  #link(url) {
    const open = (event) => this.#context.open(this.#item, url, event);
    return h("a", { class: "main", tabindex: "-1", ...this.#leadsTo(url), onclick: open, onauxclick: open });
  }

  #isElsewhere(url) {
    return url.origin !== new URL(this.#context.appUrl).origin;
  }

  #leadsTo(url) {
    const more = this.#isElsewhere(url) ? { target: "_blank", rel: "noopener noreferrer" } : {};
    return { href: url.href, ...more };
  }

  /** Without a link there is still the rest of a long message to see. */
  #unfold() {
    const unfold = (event) => {
      if (event.shiftKey) return;
      this.main.setAttribute("aria-expanded", this.element.classList.toggle("is-unfolded"));
      this.#context.open(this.#item, null, event);
    };
    return button({ class: "main", "aria-expanded": "false", tabindex: "-1", onclick: unfold });
  }

  #meta(item, url) {
    const { say } = this.#context;
    const meta = SHAPES.meta();
    meta.firstChild.dateTime = item.createdAt;
    meta.lastChild.textContent = isAnnouncement(item) ? say("announcement") : readable(item.type);
    if (item.collapsed) meta.append(" ", h("span", { class: "earlier" }, say("earlier", item.collapsed)));
    if (url && this.#isElsewhere(url)) meta.append(" ", h("span", { class: "host", dir: "ltr" }, url.host));
    return meta;
  }

  #pictured(item) {
    const avatar = item.avatar && linkOf(item.avatar, this.#context.appUrl)?.href;
    return { ...item, avatar };
  }

  /** The sender's buttons, until one was chosen; then which one. */
  #offer({ actions = [], action }) {
    const chosen = actions.find(({ id }) => id === action?.id);
    const tabindex = this.main.getAttribute("tabindex");
    if (!this.#choices) this.main.after((this.#choices = h("p", { class: "choices" })));
    const hadFocus = this.#choices.matches(":focus-within");
    const offer = (each) => {
      const looks = { class: each.style === "primary" ? "primary" : "quiet", tabindex };
      const onclick = () => this.#context.choose(this.#item, each);
      const url = each.link && linkOf(each.link, this.#context.appUrl);
      if (!url) return button({ ...looks, onclick }, each.label);
      return h("a", { ...looks, ...this.#leadsTo(url), onclick }, each.label);
    };
    if (chosen) this.#choices.replaceChildren(icon("check"), this.#context.say("chosen", chosen.label));
    else this.#choices.replaceChildren(...actions.map(offer));
    if (chosen && hadFocus) this.main.focus(); // the button that had it is gone
  }

  /** The button, until it was pressed; and it cannot be selected, for all that is done to the selected ones waits. */
  #offerToAcknowledge() {
    const before = this.#acknowledge;
    this.element.classList.toggle("is-required", !before);
    this.#tools.hidden = this.box.disabled = !before;
    if (this.#choices) this.#choices.hidden = !before; // they wait for it
    this.#acknowledge = before ? null : this.#acknowledgeButton();
    if (this.#acknowledge) return this.main.after(this.#acknowledge);
    if (before.matches(":focus-within")) this.main.focus();
    before.remove();
  }

  #acknowledgeButton() {
    const { say, acknowledge } = this.#context;
    const looks = { class: "primary", tabindex: this.main.getAttribute("tabindex") };
    const name = { "aria-label": say("rowAction", say("acknowledge"), nameOf(this.#item)) };
    const onclick = () => acknowledge(this.#item);
    return h("p", { class: "choices" }, button({ ...looks, ...name, onclick }, say("acknowledge")));
  }

  #tool(action) {
    const tool = SHAPES.tool();
    tool.setAttribute("tabindex", this.main.getAttribute("tabindex"));
    tool.addEventListener("click", () => this.#context.act(action, this.#item.id));
    return tool;
  }

  #retool(tool, symbol, name) {
    const { say } = this.#context;
    if (tool.dataset.text === name) return;
    tool.dataset.text = name;
    tool.replaceChildren(icon(symbol));
    tool.title = say(name);
    tool.setAttribute("aria-label", say("rowAction", say(name), nameOf(this.#item)));
  }
}
