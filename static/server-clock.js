/** Times: the server's clock, which may not be this machine's, and how times are written. */

const format = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

let ahead = 0; // milliseconds

/** The server said that it is `time` (ISO 8601), in an answer to what was asked at `askedAt` and answered by now. */
export function setClock(time, askedAt, answeredAt = Date.now()) {
  const difference = Date.parse(time) - (askedAt + answeredAt) / 2;
  // Less than the way there and back is not measured: most often both clocks are one.
  ahead = Math.abs(difference) > answeredAt - askedAt ? difference : 0;
}

/** What the server's clock shows when this machine's shows `at`; both in milliseconds since 1970. */
export const serverTime = (at = Date.now()) => at + ahead;

/** "10:02:03". */
export const timeOfDay = (time) => format.format(time);

/** "10:02:03.123": for times that are compared. */
export const clock = (time) => `${timeOfDay(time)}.${String(Math.floor(time) % 1000).padStart(3, "0")}`;
