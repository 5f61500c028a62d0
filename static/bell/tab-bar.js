/** The list's tabs: all, unread, archived, or of one type. */

import { button, h, hasFocus, setText } from "./dom.js";

/** @import { Filter } from "../eventide-bell.js" */
/** @import { Say } from "./types.js" */

/** @type {Record<string, Filter>} */
const FILTERS = { all: {}, unread: { unread: true }, archived: { archived: true } };

/**
 * What a tab is for: "all", "unread", "archived", else a type of notifications.
 *
 * @param {string} name
 * @returns {Filter}
 */
export const filterOf = (name) => FILTERS[name] ?? { type: name };

/**
 * The tab for this filter; undefined: none.
 *
 * @param {readonly string[]} names
 * @param {Filter} filter
 */
export function tabOf(names, { unread = false, archived = false, type = "", q = "" } = {}) {
  if (q) return undefined;
  return names.find((name) => {
    const filter = filterOf(name);
    return Boolean(filter.unread) === unread && Boolean(filter.archived) === archived && (filter.type ?? "") === type;
  });
}

/**
 * An attribute's tabs; no attribute: the usual ones.
 *
 * @param {string | null} attribute
 */
export function tabsOf(attribute) {
  if (attribute === null) return ["all", "unread", "archived"];
  return [...new Set(attribute.split(",").map((name) => name.trim()).filter(Boolean))];
}

const LENGTH = 2; // there is nothing to choose from one

export class TabBar {
  element;
  #say;
  #choose;
  /** @type {readonly string[]} */
  #names = [];
  /** @type {Map<string, HTMLElement>} */
  #tabs = new Map();

  /**
   * @param {Say} say
   * @param {(name: string) => void} choose
   */
  constructor(say, choose) {
    this.#say = say;
    this.#choose = choose;
    this.element = h("div", { class: "tabs", part: "tabs", role: "tablist", "aria-label": say("tabs"), hidden: true });
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * @param {readonly string[]} names
   * @param {string | undefined} chosen
   * @param {number | null | undefined} unreadCount
   * @param {HTMLElement} panel what they are for
   */
  render(names, chosen, unreadCount, panel) {
    if (names.join() !== this.#names.join()) this.#make(names);
    this.element.hidden = names.length < LENGTH;
    for (const [name, tab] of this.#tabs) {
      const isChosen = name === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen || (chosen === undefined && name === names[0]) ? 0 : -1;
      tab.part.toggle("tab-selected", isChosen);
      const count = tab.querySelector(".count");
      if (count) setText(count, unreadCount ? String(unreadCount > 99 ? "99+" : unreadCount) : "");
    }
    const selected = this.element.hidden ? undefined : this.#tabs.get(chosen ?? "");
    if (selected) {
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", selected.id);
    } else for (const name of ["role", "aria-labelledby"]) panel.removeAttribute(name);
  }

  /** @param {readonly string[]} names */
  #make(names) {
    const make = (/** @type {string} */ name, /** @type {number} */ at) => {
      const looks = { class: "tab", part: "tab", role: "tab", id: `tab-${at}`, "aria-controls": "scroll" };
      const count = name === "unread" ? [h("span", { class: "count" })] : [];
      return button({ ...looks, onclick: () => this.#choose(name) }, h("span", {}, this.#say("tab", name)), ...count);
    };
    this.#names = names;
    this.#tabs = new Map(names.map((name, at) => [name, make(name, at)]));
    this.element.replaceChildren(...this.#tabs.values());
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const isForward = getComputedStyle(this.element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const at = this.#names.findIndex((name) => this.#has(name));
    const last = this.#names.length - 1;
    const by = event.key === isForward ? 1 : -1;
    const to = at + by;
    const goal = new Map([["ArrowLeft", to], ["ArrowRight", to], ["Home", 0], ["End", last]]).get(event.key);
    if (at < 0 || goal === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const name = this.#names[(goal + this.#names.length) % this.#names.length];
    this.#choose(name);
    this.#tabs.get(name)?.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} name */
  #has(name) {
    const tab = this.#tabs.get(name);
    return tab !== undefined && hasFocus(tab);
  }
}
