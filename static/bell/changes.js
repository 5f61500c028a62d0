/** What can be done with notifications: what it is called in a request, and what is different afterwards. */

import { mustAcknowledge, waitsForIt } from "./acknowledging.js";

/** @import { Change, Notification } from "../eventide-bell.js" */
/** @import { Edit, Fields } from "./types.js" */

/** @type {Fields} */
const READ = { status: "READ", read: true, seen: true };

/**
 * By name of the Inbox's method. `name`: the server's. `fields`: what is different, null when nothing is left of it.
 * `gone`: why it needs no attention any more.
 *
 * @type {Record<Change, { name: string, fields: Fields | null, gone?: string }>}
 */
export const CHANGES = {
  seen: { name: "seen", fields: { seen: true } },
  read: { name: "read", fields: READ, gone: "read" },
  unread: { name: "unread", fields: { status: "DELIVERED", read: false, readAt: null } },
  archive: { name: "archive", fields: { archived: true }, gone: "archived" },
  unarchive: { name: "unarchive", fields: { archived: false, archivedAt: null } },
  remove: { name: "delete", fields: null, gone: "deleted" },
};

/**
 * After a button was pressed.
 *
 * @param {string} actionId
 * @returns {Fields}
 */
export const chosen = (actionId) => ({ ...READ, action: { id: actionId, at: new Date().toISOString() } });

/**
 * The same item, if nothing is different in it.
 *
 * @param {Notification} item
 * @param {Fields} fields
 * @returns {Notification}
 */
export function changed(item, fields) {
  const before = /** @type {Record<string, unknown>} */ ({ ...item });
  const entries = Object.entries(fields);
  if (entries.every(([name, value]) => (before[name] ?? null) === value)) return item;
  const after = /** @type {Record<string, unknown>} */ ({ ...item, ...fields });
  for (const [name, value] of entries) if (value === null) delete after[name];
  return /** @type {any} */ (after);
}

/**
 * Whether an edit is of this item. It is of its `ids`, or else of all up to `upTo` that are in the list where it is made:
 * the archived ones when they come back from there, otherwise those that are not archived. What must be acknowledged
 * first is not among "all".
 *
 * @param {Edit} edit
 * @param {Notification} item
 */
export function covers({ ids, upTo, fields }, item) {
  if (ids) return ids.has(item.id);
  if (waitsForIt(fields) && mustAcknowledge(item)) return false;
  return (!upTo || item.id <= upTo) && Boolean(item.archived) === (fields?.archived === false);
}
