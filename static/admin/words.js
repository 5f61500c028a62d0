/** How numbers, times and ids are written. */

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** "10:02:03". @param {number | string} at */
export const timeOfDay = (at) => time.format(new Date(at));

/** "22 Nov 2026, 10:02:03"; today's without the day. @param {number | string} at */
export function dateTime(at) {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? time.format(date) : moment.format(date);
}

/** "22 Nov 2026, 10:02:03 CET", where there is room to say it all. @param {number | string} at */
export const zoned = (at) => exact.format(new Date(at));

/** "10:02:03.123", for times that are compared. @param {string} at */
export const clock = (at) => `${timeOfDay(at)}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;

/** "12,345"; below ten with a digit after the point. @param {number} value */
export const number = (value) => (Math.abs(value) < 10 && !Number.isInteger(value) ? fine : whole).format(value);

/** "12.3K", where there is little room. @param {number} value */
export const brief = (value) => (Math.abs(value) < 10_000 ? number(value) : short.format(value));

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** "8 ms", "5.2 s", "3 min", "2 h 5 min", "12 days". @param {number} milliseconds */
export function duration(milliseconds) {
  const passed = Math.max(0, milliseconds);
  if (passed < 10) return `${Number(passed.toFixed(1))} ms`;
  if (passed < 1000) return `${Math.round(passed)} ms`;
  const seconds = passed / 1000;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days`;
}

/** The beginning of an instance's or a session's id: enough to tell it from the others. @param {string} id */
export const abbreviated = (id) => id.slice(0, 8);
