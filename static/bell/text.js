/** What is shown of a notification, as text; and where its link may lead. */

/** @import { Notification } from "../eventide-bell.js" */

/**
 * Where a link leads: a URL when it is http or https, or relative and so on the page's own host; otherwise null.
 *
 * @param {string} link
 */
export function safeUrl(link) {
  try {
    const url = new URL(link, document.baseURI);
    if (!["http:", "https:"].includes(url.protocol)) return null;
    // "//evil.example" looks like a path.
    return /^https?:/i.test(link) || url.host === new URL(document.baseURI).host ? url : null;
  } catch {
    return null;
  }
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60],
];
/** @type {Map<string, Intl.RelativeTimeFormat>} */
const formats = new Map();

/**
 * "now", "42s ago", "yesterday". A server whose clock is ahead is not in the future.
 *
 * @param {string | number | Date} time
 * @param {number | Date} now
 */
export function ago(time, now = Date.now(), locale = "en") {
  const seconds = Math.max(0, Math.round((Number(now) - Number(new Date(time))) / 1000));
  if (Number.isNaN(seconds)) return "";
  const format = formats.get(locale) ?? new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "narrow" });
  formats.set(locale, format);
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? /** @type {const} */ (["second", 1]);
  return format.format(seconds < 5 ? 0 : -Math.floor(seconds / size), unit);
}

/**
 * "NEW_COMMENT" is shown as "New comment".
 *
 * @param {string} type
 */
export const readable = (type) => type.charAt(0) + type.slice(1).toLowerCase().replaceAll("_", " ");

/**
 * What a notification is called where there is room for a few words.
 *
 * @param {Notification} item
 */
export const nameOf = (item) => (item.title || item.message).slice(0, 60);
