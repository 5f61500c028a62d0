/** On which day something happened, in the reader's own time and language. */

/** @type {Record<"week" | "year" | "date", Intl.DateTimeFormatOptions>} */
const FORMS = {
  week: { weekday: "long" },
  year: { day: "numeric", month: "long" },
  date: { day: "numeric", month: "long", year: "numeric" },
};

/** @type {Map<string, Intl.RelativeTimeFormat>} */
const relative = new Map();
/** @type {Map<string, Intl.DateTimeFormat>} */
const dates = new Map();

/**
 * Making one takes longer than a hundred uses.
 *
 * @template Format
 * @param {Map<string, Format>} formats
 * @param {string} key
 * @param {() => Format} make
 */
function once(formats, key, make) {
  const format = formats.get(key) ?? make();
  formats.set(key, format);
  return format;
}

/**
 * Of two times of one day the same.
 *
 * @param {string | number} time
 */
export const dayOf = (time) => new Date(time).setHours(0, 0, 0, 0);

/**
 * "Today", "Yesterday", "Monday", "12 October", "12 October 2025". Empty if it is no time.
 *
 * @param {string | number} time
 * @param {number} now
 * @param {string} locale
 */
export function dayName(time, now, locale) {
  const day = dayOf(time);
  if (Number.isNaN(day)) return "";
  const ago = Math.round((dayOf(now) - day) / 86_400_000); // rounded: a day may have 23 hours, or 25
  if (ago <= 1) {
    const format = once(relative, locale, () => new Intl.RelativeTimeFormat(locale, { numeric: "auto" }));
    const name = format.format(-Math.max(ago, 0), "day");
    return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
  }
  const isThisYear = new Date(day).getFullYear() === new Date(now).getFullYear();
  const form = ago < 7 ? "week" : isThisYear ? "year" : "date";
  return once(dates, `${form} ${locale}`, () => new Intl.DateTimeFormat(locale, FORMS[form])).format(day);
}
