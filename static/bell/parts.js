/** The elements of the bell and its panel. */

import { button, h } from "./dom.js";
import { icon } from "./icons.js";

/** @import { Say } from "./types.js" */

/**
 * @param {Say} say
 * @param {HTMLElement} notice
 * @param {{ toggle: () => void, readAll: () => void, scrolled: () => void }} actions what the reader does
 */
export function makeParts(say, notice, { toggle, readAll, scrolled }) {
  const badge = h("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });
  const lamp = h("span", { class: "lamp", part: "lamp", "aria-hidden": "true" });
  const opens = { "aria-haspopup": "dialog", "aria-expanded": "false" };
  const bell = button({ class: "bell", part: "bell", ...opens, onclick: toggle }, icon("bell"), badge, lamp);

  const state = h("p", { class: "state", part: "connection" });
  const markAll = button({ class: "quiet", part: "mark-all", onclick: readAll }, say("markAllRead"));
  const header = h("header", { part: "header", role: "none" }, h("h2", { id: "title" }, say("title")), state, markAll);

  const note = h("div", { class: "note", part: "note" });
  const list = h("ul", { class: "list", part: "list", role: "list", tabindex: "-1", "aria-label": say("title") });
  const more = h("p", { class: "more", part: "more" });
  const scroll = h("div", { class: "scroll", part: "scroll", onscroll: scrolled }, note, list, more);

  const viewAll = h("a", { part: "view-all" }, say("viewAll"));
  const footer = h("footer", { part: "footer", role: "none" }, viewAll);
  const dialog = { role: "dialog", "aria-labelledby": "title", tabindex: "-1", popover: "manual" };
  const panel = h("div", { class: "panel", part: "panel", ...dialog }, header, scroll, notice, footer);

  const spoken = h("p", { class: "unseen", "aria-live": "polite" });
  return { bell, badge, lamp, panel, state, markAll, scroll, note, list, more, footer, viewAll, spoken };
}
