/** What there is to say in place of a list, or above it. */

import { button, h, hasFocus } from "./dom.js";
import { icon } from "./icons.js";

/** @import { Inbox, Strings } from "../eventide-bell.js" */
/** @import { Icon } from "./icons.js" */
/** @import { Say } from "./types.js" */

/**
 * "", when there is nothing to say; "stale": there are rows, but they may not be all.
 *
 * @param {Inbox | null} inbox
 */
function situation(inbox) {
  if (!inbox) return "closed";
  if (inbox.state === "refused" || inbox.state === "closed") return inbox.state;
  if (inbox.problem) return inbox.items.length ? "stale" : "problem";
  if (inbox.items.length) return "";
  return inbox.loaded ? "empty" : "loading";
}

/**
 * @param {HTMLElement} note
 * @param {{ inbox: Inbox | null, tab?: string, panel: HTMLElement, say: Say }} options `tab`: whose list it is. `panel`:
 *   what gets the focus if nothing else can have it
 */
export function renderNote(note, { inbox, tab = "all", panel, say }) {
  const now = situation(inbox);
  const kind = `${now} ${tab} ${inbox?.code} ${inbox?.problem?.message}`;
  if (note.dataset.kind === kind) return;
  const hadFocus = hasFocus(note);
  note.dataset.kind = kind;
  note.dataset.situation = now;
  note.setAttribute("role", now === "loading" ? "status" : "group");
  const retry = () => button({ class: "primary", part: "retry", onclick: () => inbox?.retry() }, say("retry"));
  const again = () => (inbox ? [retry()] : []);
  /**
   * @param {Icon} symbol
   * @param {keyof Strings} lead
   * @param {string} text
   * @param {Node[]} more
   */
  const tell = (symbol, lead, text, ...more) =>
    [icon(symbol), h("p", { class: "lead" }, say(lead)), h("p", {}, text), ...more];
  const problem = inbox?.problem ? say("reason", inbox.problem) : "";
  const bones = () => [0, 1, 2].map(() => h("span", { class: "bones", "aria-hidden": "true" }));
  const contents = {
    "": () => [],
    loading: () => [h("span", { class: "unseen" }, say("loading")), ...bones()],
    empty: () => (tab === "all" ? tell("bell", "empty", say("emptyHint")) : [icon("bell"), h("p", {}, say("emptyTab", tab))]),
    stale: () => [h("p", { role: "alert" }, `${say("problem")}. ${problem}`), retry()],
    problem: () => tell("warning", "problem", problem, ...again()),
    refused: () => tell("shield", "refused", say("refusedHint", inbox?.code), ...again()),
    closed: () => tell("shield", "closed", "", ...again()),
  };
  note.replaceChildren(...contents[now]());
  if (hadFocus) (note.querySelector("button") ?? panel).focus();
}
