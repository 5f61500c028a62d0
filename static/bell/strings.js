/** The bell's texts in English, which is built in. The other languages are files in strings/. */

import { forms } from "./forms.js";
import { readable } from "./text.js";

/** @import { Strings } from "../eventide-bell.js" */

const label = forms("en", { other: "Notifications, # unread" });

/** @type {Record<string, string>} */
const TABS = { all: "All", unread: "Unread", archived: "Archived" };
/** @type {Record<string, string>} */
const EMPTY = { unread: "No unread notifications", archived: "No archived notifications" };
/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "No token was given.",
  token_expired: "Your session has expired.",
  token_revoked: "Your session was ended: sign in again.",
  token_invalid: "Your session is not valid here.",
  unavailable: "The server is full or stopping. Trying again.",
};

/** @type {Strings} */
export const STRINGS = {
  locale: "en",
  title: "Notifications",
  label: (count) => (count ? label(count) : "Notifications"),
  newCount: forms("en", { other: "# new" }),
  unread: "Unread",
  markAllRead: "Mark all read",
  tabs: "Which notifications",
  tab: (name) => TABS[name] ?? readable(name),
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  unarchive: "Move to inbox",
  remove: "Delete",
  rowAction: (action, name) => `${action}: ${name}`,
  removed: "Notification deleted",
  archived: "Notification archived",
  unarchived: "Notification moved to inbox",
  undo: "Undo",
  typeName: (type) => readable(type),
  announcement: "Announcement",
  earlier: forms("en", { other: "+# earlier" }),
  required: "To be acknowledged",
  acknowledge: "Acknowledge",
  acknowledged: "Acknowledged",
  acknowledgeFirst: "It must be acknowledged first.",
  viewAll: "View all",
  loading: "Loading …",
  allLoaded: "That is all",
  empty: "All quiet",
  emptyHint: "What arrives for you appears here at once.",
  emptyTab: (name) => EMPTY[name] ?? `No notifications of type ${readable(name)}`,
  problem: "The notifications could not be loaded",
  reason: ({ message }) => message,
  retry: "Try again",
  dismiss: "Dismiss",
  toasts: "New notifications",
  moreToasts: forms("en", { other: "+# more" }),
  desktop: "Show new notifications on the desktop",
  arrived: (name) => `New notification: ${name}`,
  reminder: (name) => `Reminder: ${name}`,
  arrivedMany: forms("en", { other: "# new notifications" }),
  connecting: "Connecting …",
  live: "Live",
  reconnecting: "Reconnecting …",
  offline: (since) => `Offline since ${since}`,
  refused: "Not signed in",
  refusedHint: (code) => REFUSALS[code] ?? "The server refused the connection.",
  closed: "Not connected",
};
