/** A list of notifications, a page of it at a time. */

import { button, h } from "./dom.js";
import { call } from "./access.js";
import { attempt, confirmed, inPath, itemLink, say, table, time, userLink } from "./page.js";

/** @import { Item, ItemPage } from "./types.d.ts" */

const STATUS = { PENDING: "pending", DELIVERED: "received", READ: "read" };

/** How far a notification is, as a coloured word. @param {Item} item */
export function statusOf({ status, archived }) {
  const text = archived ? `${STATUS[status]}, archived` : STATUS[status];
  return h("span", { class: "pill", "data-status": status }, text);
}

/** @param {Item} item */
export const titleOf = ({ title, message }) => title || (message.length > 80 ? `${message.slice(0, 80)} …` : message);

/** @param {Item} item */
function cells(item) {
  const text = h("span", { class: "text" }, itemLink(item.id, titleOf(item)));
  if (item.title) text.append(h("span", { class: "about" }, h("bdi", {}, item.message.slice(0, 120))));
  return [time(item.createdAt), text, item.kind === "announcement" ? "announcement" : item.type, statusOf(item)];
}

/**
 * The list, which loads its first page.
 *
 * @param {(cursor: string) => Promise<ItemPage>} fetchPage
 */
export function itemList(fetchPage) {
  const place = h("div", {});
  /** @type {Item[]} */
  const items = [];
  /** @param {string} cursor */
  const load = (cursor) => attempt(async () => {
    const page = await fetchPage(cursor);
    const last = items.length;
    items.push(...page.notifications);
    const older = page.nextCursor;
    const more = older ? [button({ class: "quiet", onclick: () => load(older) }, "Load older ones")] : [];
    const rows = table("Notifications, newest first", ["Created", "Notification", "Type", "Status"], items.map(cells));
    place.replaceChildren(items.length ? rows : h("p", { class: "nothing" }, "No notifications."), ...more);
    if (cursor) place.querySelectorAll("tbody tr")[last]?.querySelector("a")?.focus();
  });
  load("");
  return place;
}

/** What is known of a notification, as terms and descriptions. @param {Item} item */
export function facts(item) {
  /** @type {[string, Node | string | undefined | null][]} */
  const all = [
    ["Status", statusOf(item)],
    ["User", item.userId === undefined ? (item.topic === undefined ? "everybody" : "its topic’s subscribers") : userLink(item.userId)],
    ["Type", item.type],
    ["Message", h("bdi", {}, item.message)],
    ["Link", item.link],
    ["Topic", item.topic === undefined ? null : h("a", { href: `#topics/${inPath(item.topic)}` }, h("bdi", {}, item.topic))],
    ["Acknowledged", item.acknowledgedAt ? time(item.acknowledgedAt) : item.requireAck ? "required" : null],
    ["Replaced", item.collapsed ? `${item.collapsed} earlier` : null],
    ["Expires", item.expiresAt ? time(item.expiresAt) : null],
    ["Id", h("code", {}, item.id)],
  ];
  const known = all.filter((fact) => fact[1] !== undefined && fact[1] !== null);
  return h("dl", { class: "facts" }, ...known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, /** @type {Node | string} */ (value)))));
}

/** Retract an announcement, if the operator means it; resolves to whether it was. @param {Item} item */
export async function retracted(item) {
  const text = "It leaves every open screen and every user’s list, and cannot be brought back.";
  if (!(await confirmed({ title: `Retract “${titleOf(item)}”?`, text, yes: "Retract", danger: true }))) return false;
  await call("DELETE", `/v1/admin/announcements/${inPath(item.id)}`);
  say("Retracted.");
  return true;
}
