/** Which bells of a page share an Inbox. */

import { Inbox } from "./inbox.js";

/** @import { TokenSource } from "../eventide-bell.js" */
/** @import { Io } from "./types.js" */

/**
 * @typedef {{ url: string, sharing: boolean, source: string | TokenSource, io: Io | null }} Wanted
 * @typedef {Wanted & { inbox: Inbox, bells: Set<object> }} Entry
 */

/** @type {Entry[]} */
export const entries = [];

/**
 * One Inbox for all bells of the page with the same source of tokens.
 *
 * @param {object} bell
 * @param {Wanted} wanted
 */
export function entryFor(bell, wanted) {
  const entry = entries.find((each) => isSame(each, wanted)) ?? newEntry(wanted);
  entry.bells.add(bell);
  return entry;
}

/** @param {Wanted} wanted */
function newEntry(wanted) {
  const getToken = () => (typeof entry.source === "function" ? entry.source() : entry.source);
  const { url, sharing, io } = wanted;
  /** @type {Entry} */
  const entry = { ...wanted, bells: new Set(), inbox: new Inbox({ url, sharing, io, getToken }) };
  entries.push(entry);
  return entry;
}

/**
 * @param {Wanted} one
 * @param {Omit<Wanted, "io">} other
 */
export const isSame = (one, other) =>
  one.url === other.url && one.sharing === other.sharing && one.source === other.source;

/**
 * @param {object} bell
 * @param {Entry} entry
 */
export function leaveEntry(bell, entry) {
  entry.bells.delete(bell);
  if (entry.bells.size) return;
  entries.splice(entries.indexOf(entry), 1);
  entry.inbox.close();
}
