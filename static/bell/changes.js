/** What can be done with notifications: what it is called in a request, and what is different afterwards. */

const READ = { status: "READ", read: true, seen: true };

/**
 * By name of the Inbox's method. `name`: the server's. `fields`: what is different, null when nothing is left of it.
 * `gone`: why it needs no attention any more.
 */
export const CHANGES = {
  seen: { name: "seen", fields: { seen: true } },
  read: { name: "read", fields: READ, gone: "read" },
  unread: { name: "unread", fields: { status: "DELIVERED", read: false, readAt: null } },
  archive: { name: "archive", fields: { archived: true }, gone: "archived" },
  unarchive: { name: "unarchive", fields: { archived: false, archivedAt: null } },
  remove: { name: "delete", fields: null, gone: "deleted" },
};

/** After a button was pressed. */
export const chosen = (actionId) => ({ ...READ, action: { id: actionId, at: new Date().toISOString() } });

/** The same item, if nothing is different in it. */
export function changed(item, fields) {
  const entries = Object.entries(fields);
  if (entries.every(([name, value]) => (item[name] ?? null) === value)) return item;
  const after = { ...item, ...fields };
  for (const [name, value] of entries) if (value === null) delete after[name];
  return after;
}

/**
 * Whether a change is one of this item. A change is of the `ids` (a Set), or else of all up to `upTo` that are in the
 * list where it is made: the archived ones when they come back from there, otherwise those that are not archived.
 */
export function covers({ ids, upTo, fields }, item) {
  if (ids) return ids.has(item.id);
  return (!upTo || item.id <= upTo) && Boolean(item.archived) === (fields?.archived === false);
}
