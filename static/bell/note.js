/** What there is to say in place of a list, or above it. */

import { button, h } from "./dom.js";
import { icon } from "./icons.js";

/** "", when there is nothing to say; "stale": there are rows, but they may not be all. */
function situation(inbox) {
  if (!inbox) return "closed";
  if (["refused", "closed"].includes(inbox.state)) return inbox.state;
  if (inbox.problem) return inbox.items.length ? "stale" : "problem";
  if (inbox.items.length) return "";
  return inbox.loaded ? "empty" : "loading";
}

/** `note`: the element. `tab`: whose list it is. `panel`: what gets the focus if nothing else can have it. */
export function renderNote(note, { inbox, tab = "all", panel, say }) {
  const now = situation(inbox);
  const kind = `${now} ${tab} ${inbox?.code} ${inbox?.problem?.message}`;
  if (note.dataset.kind === kind) return;
  const hadFocus = note.matches(":focus-within");
  note.dataset.kind = kind;
  note.dataset.situation = now;
  note.setAttribute("role", now === "loading" ? "status" : "group");
  const retry = () => button({ class: "primary", part: "retry", onclick: () => inbox.retry() }, say("retry"));
  const again = () => (inbox ? [retry()] : []);
  const tell = (symbol, lead, text, ...more) =>
    [icon(symbol), h("p", { class: "lead" }, say(lead)), h("p", {}, text), ...more];
  const bones = () => [0, 1, 2].map(() => h("span", { class: "bones", "aria-hidden": "true" }));
  const contents = {
    "": () => [],
    loading: () => [h("span", { class: "unseen" }, say("loading")), ...bones()],
    empty: () => (tab === "all" ? tell("bell", "empty", say("emptyHint")) : [icon("bell"), h("p", {}, say("emptyTab", tab))]),
    stale: () => [h("p", { role: "alert" }, `${say("problem")}. ${inbox.problem.message}`), retry()],
    problem: () => tell("warning", "problem", inbox.problem.message, ...again()),
    refused: () => tell("shield", "refused", say("refusedHint", inbox.code), ...again()),
    closed: () => tell("shield", "closed", "", ...again()),
  };
  note.replaceChildren(...contents[now]());
  if (hadFocus) (note.querySelector("button") ?? panel).focus();
}
