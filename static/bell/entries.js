/** Which bells of a page share an Inbox. */

import { Inbox } from "./inbox.js";

export const entries = [];

/** One Inbox for all bells of the page with the same source of tokens: `{url, sharing, source, io, inbox, bells}`. */
export function entryFor(bell, wanted) {
  const same = (entry) => ["url", "sharing", "source"].every((name) => entry[name] === wanted[name]);
  let entry = entries.find(same);
  if (!entry) {
    entry = { ...wanted, bells: new Set() };
    const getToken = () => (typeof entry.source === "function" ? entry.source() : entry.source);
    entry.inbox = new Inbox({ url: entry.url, sharing: entry.sharing, io: entry.io, getToken });
    entries.push(entry);
  }
  entry.bells.add(bell);
  return entry;
}

export function leaveEntry(bell, entry) {
  entry.bells.delete(bell);
  if (entry.bells.size) return;
  entries.splice(entries.indexOf(entry), 1);
  entry.inbox.close();
}
