/** Who is connected, and one user: sessions, notifications, and what can be done. */

import { button, h, setText } from "./dom.js";
import { Problem } from "../rest.js";
import { call, fetchFile } from "./access.js";
import { itemList } from "./items.js";
import { $, attempt, confirmed, finder, inPath, say, showDone, table, time, userLink } from "./page.js";
import { Watch } from "./watch.js";
import { abbreviated, counted, duration } from "./words.js";

/** @import { Session } from "./types.d.ts" */

const PAGE = 50;
const EVERY = 3000; // milliseconds between two looks at a user's sessions

export class Users {
  #root;
  #isPartial;
  /** @type {Watch | null} */
  #watch = null;

  /** @param {HTMLElement} root @param {() => boolean} isPartial whether some instance may not have been asked */
  constructor(root, isPartial) {
    this.#root = root;
    this.#isPartial = isPartial;
  }

  /** @param {string} user empty: the list */
  open(user) {
    if (user) this.#showUser(user);
    else this.#showList();
  }

  close() {
    this.#watch?.stop();
    this.#watch = null;
  }

  // Who is connected

  #showList() {
    const hint = "Connected or not: every user has notifications.";
    const find = finder({ id: "find-user", label: "User’s id", hint }, "users");
    const list = h("div", { class: "people" });
    const count = h("p", { class: "about", role: "status" }, "Looking …");
    const panel = h("section", { class: "panel", "aria-labelledby": "connected-title" }, h("h3", { id: "connected-title" }, "Connected users"), count, list);
    this.#root.replaceChildren(title("users-title", "Users"), find, panel);
    this.#loadList(list, count, [""]);
  }

  /** @param {HTMLElement} list @param {HTMLElement} count @param {string[]} cursors of the pages so far; the last is shown */
  #loadList(list, count, cursors) {
    return attempt(async () => {
      const cursor = /** @type {string} */ (cursors.at(-1));
      const asked = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
      const { userIds, count: all, nextCursor } = await call("GET", `/v1/admin/online-users?${asked}`).catch((problem) => {
        count.textContent = "Who is connected is not known: the service cannot say so now.";
        const again = button({ class: "quiet", onclick: () => this.#loadList(list, count, cursors).then(() => list.querySelector("button")?.focus()) }, "Try again");
        list.replaceChildren(h("div", { class: "buttons" }, again));
        throw problem;
      });
      const go = (/** @type {string[]} */ to) => this.#loadList(list, count, to).then(() => list.querySelector("a")?.focus());
      const pages = [
        ...(cursors.length > 1 ? [button({ class: "quiet", onclick: () => go(cursors.slice(0, -1)) }, "Previous")] : []),
        ...(nextCursor ? [button({ class: "quiet", onclick: () => go([...cursors, nextCursor]) }, "Next")] : []),
        button({ class: "quiet", onclick: () => this.#loadList(list, count, cursors).then(() => say("Looked again.")) }, "Look again"),
      ];
      const from = (cursors.length - 1) * PAGE;
      const shown = all > userIds.length ? `, ${from + 1} to ${from + userIds.length} by id` : "";
      count.textContent = all ? `${counted(all, "user")} on all instances${shown}.` : "Nobody is connected.";
      list.replaceChildren(h("ul", { class: "chips" }, ...userIds.map((/** @type {string} */ id) => h("li", {}, userLink(id)))), h("div", { class: "buttons" }, ...pages));
    });
  }

  // One user

  /** @param {string} user */
  #showUser(user) {
    const path = `/v1/admin/users/${inPath(user)}`;
    const sessions = h("div", { class: "sessions" }, h("p", { class: "about" }, "Looking …"));
    const online = h("p", { class: "online about", role: "status" });
    this.#root.replaceChildren(
      h("p", { class: "back" }, h("a", { href: "#users" }, "All connected users")),
      h("div", { class: "heading" }, title("users-title", user), online),
      h("div", { class: "buttons" }, ...this.#actions(user, path)),
      h("div", { class: "columns" },
        h("section", { class: "panel", "aria-labelledby": "items-title" },
          h("h3", { id: "items-title" }, "Notifications"),
          itemList((cursor) => call("GET", `${path}/notifications?${new URLSearchParams({ limit: "20", ...(cursor && { cursor }) })}`))),
        h("section", { class: "panel", "aria-labelledby": "sessions-title" }, h("h3", { id: "sessions-title" }, "Sessions"), sessions),
      ),
    );
    let drawn = "";
    this.#watch = new Watch(async () => {
      const asked = this.#watch;
      const found = await call("GET", `${path}/sessions`).catch((problem) => problem);
      if (asked !== this.#watch) return;
      /** @type {Session[] | null} */
      const known = found instanceof Problem ? null : found.sessions; // the page says elsewhere that nobody answers
      const partial = this.#isPartial();
      setText(online, presence(known, partial));
      online.dataset.online = String(Boolean(known?.length));
      const current = JSON.stringify([known, partial]);
      if (current !== drawn) sessions.replaceChildren(sessionTable(known, partial));
      drawn = current;
    }, EVERY);
    this.#watch.start();
  }

  /** @param {string} user @param {string} path */
  #actions(user, path) {
    return [
      h("a", { class: "button primary", href: `#send/${inPath(user)}` }, "Send a notification"),
      button({ class: "quiet", onclick: () => attempt(() => this.#disconnect(user, path)) }, "Disconnect"),
      h("a", { class: "button quiet", href: `#revocations/${inPath(user)}` }, "Revoke tokens"),
      button({ class: "quiet", onclick: () => attempt(() => exported(user, path)) }, "Export"),
      button({ class: "quiet danger", onclick: () => attempt(() => this.#erase(user, path)) }, "Erase …"),
    ];
  }

  /** @param {string} user @param {string} path */
  async #disconnect(user, path) {
    const text = "All transports of this user are closed, on every instance. The clients may come back at once; to keep them out, revoke their tokens.";
    if (!(await confirmed({ title: `Disconnect ${user}?`, text, yes: "Disconnect" }))) return;
    const { connections } = await call("POST", `${path}/disconnect`);
    showDone(`${counted(connections, "connection")} of ${user} closed.`);
    this.#watch?.now();
  }

  /** @param {string} user @param {string} path */
  async #erase(user, path) {
    const text = "All notifications of this user, and what is known of them, are deleted for good, and leave the user’s open screens.";
    if (!(await confirmed({ title: `Erase ${user}?`, text, yes: "Erase", danger: true, type: user }))) return;
    const { notifications, receipts, claims } = await call("DELETE", path);
    this.close();
    this.#showUser(user);
    $("users-title").focus();
    showDone(`Erased: ${counted(notifications, "notification")}, ${counted(receipts, "receipt")}, ${counted(claims, "idempotency key")}.`);
  }
}

/** @param {string} id @param {string} text */
const title = (id, text) => h("h2", { id, tabindex: "-1" }, h("bdi", {}, text));

/** @param {Session[] | null} sessions null: nobody answers @param {boolean} partial whether there may be others */
function presence(sessions, partial) {
  if (sessions?.length) return `connected, ${partial ? "at least " : ""}${counted(sessions.length, "session")}`;
  return sessions && !partial ? "not connected" : "not known whether connected";
}

/** @param {Session[] | null} sessions null: nobody answers @param {boolean} partial whether there may be others */
function sessionTable(sessions, partial) {
  if (!sessions) return h("p", { class: "nothing" }, "The sessions are not known: the service does not answer. This page tries again every few seconds.");
  if (!sessions.length && partial) return h("p", { class: "nothing" }, "No session is known, but not all instances could be asked.");
  if (!sessions.length) return h("p", { class: "nothing" }, "No session is open. What is sent is kept until the user connects.");
  const rows = sessions.map(({ id, instance, transport, namespace, address, since, lastHeard, userAgent, replaying }) => [
    h("span", { class: "lines" }, h("code", { title: id }, abbreviated(id)), h("span", { class: "about" }, "on ", h("code", { title: instance }, abbreviated(instance)))),
    h("span", { class: "lines" }, transport, h("span", { class: "about" }, namespace, replaying ? ", is being sent what was missed" : "")),
    h("span", { class: "text" }, h("bdi", {}, address ?? "unknown"), ...(userAgent ? [h("span", { class: "about" }, h("bdi", {}, userAgent))] : [])),
    h("span", { class: "lines" }, time(since), h("span", { class: "about" }, `heard ${duration(Math.max(1000, Date.now() - Date.parse(lastHeard)))} ago`)),
  ]);
  return table("Open sessions", ["Session", "Transport", "Client", "Since"], rows);
}

/** Let the browser save all notifications of a user. @param {string} user @param {string} path */
async function exported(user, path) {
  const url = URL.createObjectURL(await fetchFile(`${path}/export`));
  h("a", { href: url, download: `${user.replace(/[^\w.-]/g, "_")}.ndjson` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be reading it
  showDone(`All notifications of ${user} are saved as a file.`);
}
