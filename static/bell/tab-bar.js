/** The list's tabs: all, unread, archived, or of one type. */

import { button, h, setText } from "./dom.js";

/** What a tab is for: "all", "unread", "archived", else a type of notifications. */
export function filterOf(name) {
  return { all: {}, unread: { unread: true }, archived: { archived: true } }[name] ?? { type: name };
}

/** The tab for this filter; undefined: none. */
export function tabOf(names, { unread = false, archived = false, type = "", q = "" } = {}) {
  if (q) return undefined;
  return names.find((name) => {
    const filter = filterOf(name);
    return Boolean(filter.unread) === unread && Boolean(filter.archived) === archived && (filter.type ?? "") === type;
  });
}

/** An attribute's tabs; no attribute: the usual ones. */
export function tabsOf(attribute) {
  if (attribute === null) return ["all", "unread", "archived"];
  return [...new Set(attribute.split(",").map((name) => name.trim()).filter(Boolean))];
}

const LENGTH = 2; // there is nothing to choose from one

export class TabBar {
  element;
  #say;
  #choose;
  #names = [];
  #tabs = new Map();

  /** `choose(name)`: what to do when the reader has. */
  constructor(say, choose) {
    this.#say = say;
    this.#choose = choose;
    this.element = h("div", { class: "tabs", part: "tabs", role: "tablist", "aria-label": say("tabs"), hidden: true });
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** `chosen`: the name of one. `panel`: the element that they are for. */
  render(names, chosen, unreadCount, panel) {
    if (names.join() !== this.#names.join()) this.#make(names);
    this.element.hidden = names.length < LENGTH;
    for (const [name, tab] of this.#tabs) {
      const isChosen = name === chosen;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen || (chosen === undefined && name === names[0]) ? 0 : -1;
      tab.part.toggle("tab-selected", isChosen);
      if (name === "unread") setText(tab.lastElementChild, unreadCount ? String(unreadCount > 99 ? "99+" : unreadCount) : "");
    }
    const selected = this.element.hidden ? undefined : this.#tabs.get(chosen);
    for (const [name, value] of [["role", "tabpanel"], ["aria-labelledby", selected?.id]]) {
      if (selected) panel.setAttribute(name, value);
      else panel.removeAttribute(name);
    }
  }

  #make(names) {
    const make = (name, at) => {
      const looks = { class: "tab", part: "tab", role: "tab", id: `tab-${at}`, "aria-controls": "scroll" };
      const count = name === "unread" ? [h("span", { class: "count" })] : [];
      return button({ ...looks, onclick: () => this.#choose(name) }, h("span", {}, this.#say("tab", name)), ...count);
    };
    this.#names = names;
    this.#tabs = new Map(names.map((name, at) => [name, make(name, at)]));
    this.element.replaceChildren(...this.#tabs.values());
  }

  #key(event) {
    const isForward = getComputedStyle(this.element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const at = this.#names.findIndex((name) => this.#tabs.get(name).matches(":focus"));
    const last = this.#names.length - 1;
    const by = event.key === isForward ? 1 : -1;
    const to = { ArrowLeft: at + by, ArrowRight: at + by, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const name = this.#names[(to + this.#names.length) % this.#names.length];
    this.#choose(name);
    this.#tabs.get(name).focus();
    event.preventDefault();
    event.stopPropagation();
  }
}
