/** All texts of the bell; a page may replace them, see `Strings` in eventide-bell.d.ts. */

/** @import { Strings } from "../eventide-bell.js" */

/** @type {Strings} */
export const STRINGS = {
  locale: "en",
  title: "Notifications",
  label: (count) => (count ? `Notifications, ${count} unread` : "Notifications"),
  unread: "Unread",
  markAllRead: "Mark all read",
  markRead: "Mark as read",
  remove: "Delete",
  rowAction: (action, name) => `${action}: ${name}`,
  removed: "Notification deleted",
  undo: "Undo",
  announcement: "Announcement",
  viewAll: "View all",
  loading: "Loading …",
  allLoaded: "That is all",
  empty: "All quiet",
  emptyHint: "What arrives for you appears here at once.",
  problem: "The notifications could not be loaded",
  retry: "Try again",
  dismiss: "Dismiss",
  toasts: "New notifications",
  arrived: (name) => `New notification: ${name}`,
  connecting: "Connecting …",
  live: "Live",
  reconnecting: "Reconnecting …",
  offline: (since) => `Offline since ${since}`,
  refused: "Not signed in",
  refusedHint: (code) => REFUSALS[code] ?? "The server refused the connection.",
  closed: "Not connected",
};

/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "No token was given.",
  token_expired: "Your session has expired.",
  token_invalid: "Your session is not valid here.",
  unavailable: "The server is full or stopping. Trying again.",
};
