/** One notification as a row: its link, its own buttons, and what the reader can do with it. */

import { ago, glyph, readable } from "../eventide-bell.js";
import { button, h, icon, setText } from "./dom.js";
import { highlighted, linkOf, nameOf } from "./text.js";

export const isUnread = (item) => !item.read && item.stored !== false;
export const isAnnouncement = (item) => item.kind === "announcement" || item.userId === undefined;

/**
 * Only the current row is in the tab order, so that what comes after the list is not hundreds of keys away.
 *
 * `context`: `{say, appUrl, open(item, url, event), act(name, id), choose(item, action)}`.
 */
export class Row {
  element;
  main;
  box;
  #context;
  #item;
  #searched;
  #unread = h("span", { class: "unseen" });
  #title = h("bdi");
  #message = h("bdi");
  #time;
  #choices = h("p", { class: "choices", hidden: true });
  #read;
  #archive;
  #remove;

  constructor(item, context) {
    const { say } = context;
    this.#context = context;
    const name = nameOf(item);
    const url = item.link ? linkOf(item.link, context.appUrl) : null;
    this.#time = h("time", { datetime: item.createdAt, title: new Date(item.createdAt).toLocaleString(say("locale")) });
    this.box = h("input", { type: "checkbox", tabindex: "-1", "aria-label": say("select", name) });
    this.main = url ? this.#link(url) : this.#unfold();
    this.main.append(
      this.#unread,
      h("span", { class: "title", hidden: !item.title }, this.#title),
      h("span", { class: "message" }, this.#message),
    );
    this.#read = this.#tool("check", "read", "markRead", name);
    this.#archive = this.#tool("archive", "archive", "archive", name);
    this.#remove = this.#tool("bin", "remove", "remove", name);
    this.element = h(
      "li",
      { class: "row", "data-id": item.id },
      h("label", { class: "pick" }, this.box),
      glyph(this.#pictured(item)),
      h("div", { class: "body" }, this.main, this.#choices, this.#meta(item, url)),
      h("div", { class: "tools" }, this.#read, this.#archive, this.#remove),
    );
  }

  get item() { return this.#item; }

  /** `searched`: what to mark in the text. `selected`, `isTabbable`: whether it is. */
  update(item, { searched, selected, isTabbable }) {
    this.box.checked = selected;
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
    setText(this.#unread, unread ? `${this.#context.say("unread")}: ` : "");
    this.#retool(this.#read, unread ? "check" : "letter", unread ? "markRead" : "markUnread");
    this.#retool(this.#archive, item.archived ? "back" : "archive", item.archived ? "unarchive" : "archive");
    for (const tool of [this.#read, this.#archive]) tool.hidden = item.stored === false;
    if (item.actions && item.action?.id !== before?.action?.id || !before) this.#offer(item);
  }

  tick() {
    setText(this.#time, ago(this.#time.dateTime, Date.now(), this.#context.say("locale")));
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
    const type = isAnnouncement(item) ? say("announcement") : readable(item.type);
    return h(
      "p", { class: "meta" },
      this.#time,
      h("span", { class: "type" }, type),
      ...(url && this.#isElsewhere(url) ? [h("span", { class: "host", dir: "ltr" }, url.host)] : []),
    );
  }

  #pictured(item) {
    const avatar = item.avatar && linkOf(item.avatar, this.#context.appUrl)?.href;
    return { ...item, avatar };
  }

  /** The sender's buttons, until one was chosen; then which one. */
  #offer({ actions = [], action }) {
    const chosen = actions.find(({ id }) => id === action?.id);
    const tabindex = this.main.getAttribute("tabindex");
    const hadFocus = this.#choices.matches(":focus-within");
    const offer = (each) => {
      const looks = { class: each.style === "primary" ? "primary" : "quiet", tabindex };
      const onclick = () => this.#context.choose(this.#item, each);
      const url = each.link && linkOf(each.link, this.#context.appUrl);
      if (!url) return button({ ...looks, onclick }, each.label);
      return h("a", { ...looks, ...this.#leadsTo(url), onclick }, each.label);
    };
    this.#choices.hidden = !actions.length;
    if (chosen) this.#choices.replaceChildren(icon("check"), this.#context.say("chosen", chosen.label));
    else this.#choices.replaceChildren(...actions.map(offer));
    if (chosen && hadFocus) this.main.focus(); // the button that had it is gone
  }

  #tool(symbol, action, text, name) {
    const { say, act } = this.#context;
    const tool = button({ class: "tool", tabindex: "-1", onclick: () => act(action, this.#item.id) }, icon(symbol));
    tool.dataset.name = name;
    tool.dataset.text = "";
    this.#label(tool, say(text));
    return tool;
  }

  #label(tool, text) {
    tool.title = text;
    tool.setAttribute("aria-label", this.#context.say("rowAction", text, tool.dataset.name));
  }

  #retool(tool, symbol, text) {
    if (tool.dataset.text === text) return;
    tool.dataset.text = text;
    tool.replaceChildren(icon(symbol));
    this.#label(tool, this.#context.say(text));
  }
}
