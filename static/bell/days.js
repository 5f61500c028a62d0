/** On which day something happened, in the reader's own time and language. */

const formats = new Map();

/** Making one takes longer than a hundred uses. */
function format(kind, locale, options) {
  const key = `${kind.name} ${locale} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(locale, options));
  return formats.get(key);
}

/** Of two times of one day the same. */
export const dayOf = (time) => new Date(time).setHours(0, 0, 0, 0);

/** "Today", "Yesterday", "Monday", "12 October", "12 October 2025". Empty if it is no time. */
export function dayName(time, now, locale) {
  const day = dayOf(time);
  if (Number.isNaN(day)) return "";
  const ago = Math.round((dayOf(now) - day) / 86_400_000); // rounded: a day may have 23 hours, or 25
  if (ago <= 1) {
    const name = format(Intl.RelativeTimeFormat, locale, { numeric: "auto" }).format(-Math.max(ago, 0), "day");
    return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
  }
  const isThisYear = new Date(day).getFullYear() === new Date(now).getFullYear();
  const date = { day: "numeric", month: "long", ...(isThisYear ? {} : { year: "numeric" }) };
  return format(Intl.DateTimeFormat, locale, ago < 7 ? { weekday: "long" } : date).format(day);
}
