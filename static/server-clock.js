/** The server's clock: this machine's may be another one, and times of both are compared. */

let ahead = 0; // milliseconds

/** The server said that it is `time` (ISO 8601), in an answer to what was asked at `askedAt` and answered by now. */
export function setClock(time, askedAt, answeredAt = Date.now()) {
  const difference = Date.parse(time) - (askedAt + answeredAt) / 2;
  // Less than the way there and back is not measured: most often both clocks are one.
  ahead = Math.abs(difference) > answeredAt - askedAt ? difference : 0;
}

/** What the server's clock shows when this machine's shows `at`; both in milliseconds since 1970. */
export const serverTime = (at = Date.now()) => at + ahead;
