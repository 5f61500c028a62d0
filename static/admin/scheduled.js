/** What will be sent later, and work that has failed for good: the lists, and what can be done about each. */

import { button, h } from "./dom.js";
import { Problem } from "../rest.js";
import { call } from "./access.js";
import { attempt, confirmed, inPath, say, table, time } from "./page.js";
import { Watch } from "./watch.js";
import { counted } from "./words.js";

/** @import { DeadWork, ScheduledWork } from "./types.d.ts" */

const EVERY = 3000;
const LIMIT = 20;

/** @type {Record<string, string>} */
const KINDS = { send: "Notification", announcement: "Announcement", remind: "Reminder" };

export class Scheduled {
  #root;
  /** @type {Watch | null} */
  #watch = null;
  /** @type {Listing[]} */
  #lists = [];

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  open() {
    const changed = () => {
      this.#root.querySelector("h2")?.focus();
      return this.#load();
    };
    const scheduled = new Listing("scheduled", "Nothing is scheduled.", (each) => scheduledRow(each, changed),
      ["Due", "What", "For", "Change"]);
    const dead = new Listing("dead", "Nothing has failed for good.", (each) => deadRow(each, changed),
      ["Failed", "What", "Why", "Change"]);
    const panel = (/** @type {string} */ id, /** @type {string} */ title, /** @type {string} */ about, /** @type {Listing} */ list) =>
      h("section", { class: "panel", "aria-labelledby": id }, h("h3", { id }, title), h("p", { class: "about" }, about), list.element);
    this.#lists = [scheduled, dead];
    this.#root.replaceChildren(
      h("h2", { id: "scheduled-title", tabindex: "-1" }, "Scheduled"),
      h("div", { class: "stack" },
        panel("scheduled-list", "To be sent", "It is sent at its time, by whichever instance comes first.", scheduled),
        panel("dead-list", "Failed for good", "It was tried again and again, or can never succeed. It is kept until it is tried again here, or deleted.", dead)),
    );
    this.#watch = new Watch(() => this.#load(), EVERY);
    this.#watch.start();
  }

  close() {
    this.#watch?.stop();
    this.#watch = null;
  }

  async #load() {
    await attempt(async () => void (await Promise.all(this.#lists.map((list) => list.load()))));
  }
}

/** One of the two lists, a page of it. It stays as it is while the keyboard is in it. */
class Listing {
  element = h("div", {}, h("p", { class: "about" }, "Looking …"));
  #name;
  #nothing;
  #row;
  #head;
  #cursor = "";
  #drawn = "";

  /**
   * @param {string} name as the address and the answer have it
   * @param {string} nothing
   * @param {(each: any) => (Node | string)[]} row
   * @param {string[]} head
   */
  constructor(name, nothing, row, head) {
    this.#name = name;
    this.#nothing = nothing;
    this.#row = row;
    this.#head = head;
  }

  async load() {
    const asked = new URLSearchParams({ limit: String(LIMIT), ...(this.#cursor && { cursor: this.#cursor }) });
    const answer = await call("GET", `/v1/admin/${this.#name}?${asked}`);
    const drawn = JSON.stringify(answer);
    if (drawn === this.#drawn || this.element.contains(document.activeElement)) return;
    this.#drawn = drawn;
    const all = answer[this.#name];
    const rows = all.length ? table(this.#name === "dead" ? "Failed for good" : "Scheduled", this.#head, all.map(this.#row)) : h("p", { class: "nothing" }, this.#nothing);
    const go = (/** @type {string} */ text, /** @type {string} */ cursor) => button({ class: "quiet", onclick: () => this.#go(cursor) }, text);
    const pages = [...(this.#cursor ? [go("First page", "")] : []), ...(answer.nextCursor ? [go("Next page", answer.nextCursor)] : [])];
    this.element.replaceChildren(rows, ...(pages.length ? [h("div", { class: "buttons" }, ...pages)] : []));
  }

  /** @param {string} cursor */
  #go(cursor) {
    this.#cursor = cursor;
    /** @type {HTMLElement} */ (document.activeElement)?.blur();
    attempt(() => this.load().then(() => this.element.querySelector("button")?.focus()));
  }
}

/** @param {ScheduledWork} work @param {() => Promise<void>} changed */
function scheduledRow(work, changed) {
  const name = work.title || work.message;
  const text = h("span", { class: "text" }, h("bdi", {}, name.slice(0, 80)), h("span", { class: "about" }, work.type));
  const users = work.users === null ? "everybody" : counted(work.users, "user");
  const to = work.kind === "announcement" ? (work.topic ? h("span", {}, "topic ", h("bdi", {}, work.topic)) : work.audience === "connected" ? "whoever is connected" : "everybody") : users;
  return [time(work.sendAt), text, to, small(`Cancel: ${name}`, "Cancel", () => cancel(work, name, changed))];
}

/** @param {DeadWork} work @param {() => Promise<void>} changed */
function deadRow(work, changed) {
  const name = `${KINDS[work.kind] ?? work.kind} ${work.id.slice(-6)}`;
  const what = h("span", { class: "text" }, KINDS[work.kind] ?? work.kind, h("code", { class: "about" }, work.id));
  const why = h("span", { class: "text" }, h("bdi", {}, work.error), h("span", { class: "about" }, `after ${counted(work.attempts + 1, "attempt")}`));
  return [time(work.diedAt), what, why, h("span", { class: "buttons" },
    small(`Try again: ${name}`, "Try again", () => retry(work, changed)),
    small(`Delete: ${name}`, "Delete", () => remove(work, name, changed), "danger"))];
}

/** @param {string} label @param {string} text @param {() => Promise<void>} act @param {string} [more] */
const small = (label, text, act, more = "") => button({ class: `quiet small ${more}`, "aria-label": label, onclick: () => attempt(act) }, text);

/** @param {ScheduledWork} work @param {string} name @param {() => Promise<void>} changed */
async function cancel(work, name, changed) {
  const text = "It will not be sent, and cannot be brought back.";
  if (!(await confirmed({ title: `Cancel “${name.slice(0, 80)}”?`, text, yes: "Cancel it", danger: true }))) return;
  const isInTime = await found(call("DELETE", `/v1/admin/scheduled/${inPath(work.id)}`));
  await changed();
  say(isInTime ? "Cancelled." : "It was sent already.");
}

/** @param {DeadWork} work @param {() => Promise<void>} changed */
async function retry(work, changed) {
  const isThere = await found(call("POST", `/v1/admin/dead/${inPath(work.id)}/retry`));
  await changed();
  say(isThere ? "It is tried again." : "It is not there any more.");
}

/** @param {DeadWork} work @param {string} name @param {() => Promise<void>} changed */
async function remove(work, name, changed) {
  const text = "What it was to do is not done, and cannot be brought back.";
  if (!(await confirmed({ title: `Delete ${name}?`, text, yes: "Delete", danger: true }))) return;
  await found(call("DELETE", `/v1/admin/dead/${inPath(work.id)}`));
  await changed();
  say("Deleted.");
}

/** Whether it was still there. @param {Promise<unknown>} answer */
async function found(answer) {
  try {
    await answer;
    return true;
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) return false;
    throw problem;
  }
}
