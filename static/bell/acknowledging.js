/** Announcements that the reader must acknowledge: until then they stay on top, unread. */

/** @import { Notification } from "../eventide-bell.js" */
/** @import { Fields } from "./types.js" */

/**
 * Whether the reader must still acknowledge it.
 *
 * @param {Notification} item
 */
export const mustAcknowledge = (item) => item.requireAck === true && item.acknowledgedAt === undefined;

/**
 * Whether this change waits until it is acknowledged. All do but that it is seen.
 *
 * @param {Fields | null} fields null: it is to be deleted
 */
export const waitsForIt = (fields) => fields === null || fields.read === true || fields.archived === true;

/** @returns {Fields} */
export const acknowledged = () => ({ status: "READ", read: true, seen: true, acknowledgedAt: new Date().toISOString() });
