/** German. */

/** @import { Language } from "../types.js" */

/** @type {Record<string, string>} */
const TABS = { all: "Alle", unread: "Ungelesen", archived: "Archiv" };
/** @type {Record<string, string>} */
const EMPTY = { unread: "Keine ungelesenen Benachrichtigungen", archived: "Keine archivierten Benachrichtigungen" };
/** @type {Record<string, string>} */
const REFUSALS = {
  token_missing: "Es wurde kein Token angegeben.",
  token_expired: "Ihre Sitzung ist abgelaufen.",
  token_revoked: "Ihre Sitzung wurde beendet: Bitte melden Sie sich neu an.",
  token_invalid: "Ihre Sitzung ist hier nicht gültig.",
  unavailable: "Der Server ist ausgelastet oder wird beendet. Neuer Versuch folgt.",
};
/** @type {Record<string, string>} */
const REASONS = {
  unreachable: "Der Server ist nicht erreichbar.",
  conflict: "Es wurde bereits anders entschieden.",
  rate_limited: "Das waren zu viele Anfragen. Bitte versuchen Sie es später noch einmal.",
};

/** @type {Language} */
export const strings = ({ forms, readable }) => {
  const label = forms("de", { other: "Benachrichtigungen, # ungelesen" });
  return {
    locale: "de",
    title: "Benachrichtigungen",
    label: (count) => (count ? label(count) : "Benachrichtigungen"),
    newCount: forms("de", { other: "# neu" }),
    unread: "Ungelesen",
    markAllRead: "Alle als gelesen markieren",
    tabs: "Welche Benachrichtigungen",
    tab: (name) => TABS[name] ?? readable(name),
    markRead: "Als gelesen markieren",
    markUnread: "Als ungelesen markieren",
    archive: "Archivieren",
    unarchive: "In den Posteingang verschieben",
    remove: "Löschen",
    rowAction: (action, name) => `${action}: ${name}`,
    removed: "Benachrichtigung gelöscht",
    archived: "Benachrichtigung archiviert",
    unarchived: "Benachrichtigung in den Posteingang verschoben",
    undo: "Rückgängig",
    typeName: (type) => readable(type),
    announcement: "Ankündigung",
    earlier: forms("de", { other: "+# frühere" }),
    required: "Zu bestätigen",
    acknowledge: "Bestätigen",
    acknowledged: "Bestätigt",
    acknowledgeFirst: "Das muss zuerst bestätigt werden.",
    viewAll: "Alle anzeigen",
    loading: "Wird geladen …",
    allLoaded: "Das sind alle",
    empty: "Keine Benachrichtigungen",
    emptyHint: "Neue Benachrichtigungen erscheinen hier sofort.",
    emptyTab: (name) => EMPTY[name] ?? `Keine Benachrichtigungen vom Typ ${readable(name)}`,
    problem: "Die Benachrichtigungen konnten nicht geladen werden",
    reason: ({ code }) => REASONS[code] ?? "Auf dem Server ist ein Fehler aufgetreten.",
    retry: "Erneut versuchen",
    dismiss: "Schließen",
    toasts: "Neue Benachrichtigungen",
    moreToasts: forms("de", { other: "+# weitere" }),
    desktop: "Neue Benachrichtigungen auf dem Desktop anzeigen",
    arrived: (name) => `Neue Benachrichtigung: ${name}`,
    reminder: (name) => `Erinnerung: ${name}`,
    arrivedMany: forms("de", { other: "# neue Benachrichtigungen" }),
    connecting: "Verbindung wird aufgebaut …",
    live: "Live",
    reconnecting: "Verbindung wird wiederhergestellt …",
    offline: (since) => `Offline seit ${since}`,
    refused: "Nicht angemeldet",
    refusedHint: (code) => REFUSALS[code] ?? "Der Server hat die Verbindung abgelehnt.",
    closed: "Nicht verbunden",
  };
};
