/** What there is to say in place of the rows, and above them. */

import { button, h } from "./dom.js";

function situation(inbox) {
  if (inbox.items.length) return "";
  if (inbox.problem || ["refused", "closed"].includes(inbox.state)) return ""; // the line above says it
  if (!inbox.loaded || inbox.hasOlder) return "loading"; // those loaded are gone, and others come
  const { unread, archived, type, q } = inbox.filter;
  if (q) return "emptySearch";
  if (type) return "emptyType";
  if (unread) return "emptyUnread";
  return archived ? "emptyArchived" : "empty";
}

/** In place of the rows. `clear()`: shows all notifications again. */
export function renderNote(note, { inbox, say, clear }) {
  const now = situation(inbox);
  const kind = `${now} ${inbox.filter.q ?? ""}`;
  if (note.dataset.kind === kind) return;
  note.dataset.kind = kind;
  note.dataset.situation = now;
  note.setAttribute("aria-busy", now === "loading");
  const bones = () => Array.from({ length: 6 }, () => h("span", { class: "bones", "aria-hidden": "true" }));
  const lead = () => h("p", { class: "lead" }, say(now, inbox.filter.q));
  const filtered = () => [
    lead(), h("p", {}, say("emptyFilterHint")), button({ class: "quiet", onclick: clear }, say("clearFilters")),
  ];
  const contents = {
    "": () => [],
    loading: () => [h("span", { class: "unseen", role: "status" }, say("loading")), ...bones()],
    empty: () => [lead(), h("p", {}, say("emptyHint"))],
    emptyArchived: () => [lead(), h("p", {}, say("emptyArchivedHint"))],
  };
  note.replaceChildren(...(contents[now] ?? filtered)());
}

/**
 * Above the rows, which stay: why the list could not be loaded, or what was done could not be saved.
 *
 * `failed`: `{problem, again()}` of what was done, or null. `dismiss()`: it has been seen.
 */
export function renderProblem(line, { inbox, say, failed, dismiss }) {
  const refused = ["refused", "closed"].includes(inbox.state);
  const [lead, hint, again] = refused
    ? [say(inbox.state), inbox.state === "refused" ? say("refusedHint", inbox.code) : "", () => inbox.retry()]
    : failed
      ? [say("actionProblem"), failed.problem.message, failed.again]
      : inbox.problem
        ? [say("problem"), inbox.problem.message, () => inbox.retry()]
        : ["", "", null];
  const kind = `${lead} ${hint}`;
  if (line.dataset.kind === kind) return;
  line.dataset.kind = kind;
  line.hidden = !again;
  if (!again) return line.replaceChildren();
  line.replaceChildren(
    h("p", {}, h("strong", {}, lead), ` ${hint}`),
    button({ class: "quiet", onclick: again }, say("retry")),
    ...(failed && !refused ? [button({ class: "quiet", onclick: dismiss }, say("dismiss"))] : []),
  );
}
