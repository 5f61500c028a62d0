/** What there is to say in place of a list, or above it. */

import { button, h } from "./dom.js";
import { icon } from "./icons.js";

/** @import { Inbox, Strings } from "../eventide-bell.js" */
/** @import { Icon } from "./icons.js" */
/** @import { Say } from "./types.js" */

/**
 * "", when there is nothing to say.
 *
 * @param {Inbox | null} inbox
 */
function situation(inbox) {
  if (!inbox) return "closed";
  if (inbox.state === "refused" || inbox.state === "closed") return inbox.state;
  if (inbox.items.length) return "";
  if (inbox.problem) return "problem";
  return inbox.loaded ? "empty" : "loading";
}

/**
 * @param {HTMLElement} note
 * @param {{ inbox: Inbox | null, panel: HTMLElement, say: Say }} options `panel`: what gets the focus if nothing else
 *   can have it
 */
export function renderNote(note, { inbox, panel, say }) {
  const now = situation(inbox);
  const kind = `${now} ${inbox?.code} ${inbox?.problem?.message}`;
  if (note.dataset.kind === kind) return;
  const hadFocus = note.matches(":focus-within");
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
  const bones = () => [0, 1, 2].map(() => h("span", { class: "bones", "aria-hidden": "true" }));
  const contents = {
    "": () => [],
    loading: () => [h("span", { class: "unseen" }, say("loading")), ...bones()],
    empty: () => tell("bell", "empty", say("emptyHint")),
    problem: () => tell("warning", "problem", inbox?.problem ? say("reason", inbox.problem) : "", ...again()),
    refused: () => tell("shield", "refused", say("refusedHint", inbox?.code), ...again()),
    closed: () => tell("shield", "closed", "", ...again()),
  };
  note.replaceChildren(...contents[now]());
  if (hadFocus) (note.querySelector("button") ?? panel).focus();
}
