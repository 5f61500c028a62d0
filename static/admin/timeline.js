/** The timeline of a notification, drawn: four stations with the time between them, and below them every step. */

import { h } from "./dom.js";
import { time } from "./page.js";
import { abbreviated, clock, duration, number, zoned } from "./words.js";

/** @import { Item, Step } from "./types.d.ts" */

/** @type {Record<string, string>} */
const NAMES = { created: "Created", sent: "Sent", received: "Received", read: "Read" };
/** @type {Record<string, string>} */
const OTHERS = { waiting: "Waiting", lost: "Lost on the way", forgotten: "Forgotten", seen: "Seen", archived: "Archived", action: "Action chosen", replayed: "Sent again", deleted: "Deleted", unread: "Unread again" };

/**
 * How far it is: the first step of each kind, and how long after it was created.
 *
 * @param {Item} item @param {Step[]} events
 */
export function stations(item, events) {
  const created = Date.parse(events.find(({ what }) => what === "created")?.at ?? item.createdAt);
  /** @type {Record<string, string | undefined>} */
  const known = { created: item.createdAt, received: item.deliveredAt, read: item.readAt };
  const reached = Object.keys(NAMES).map((what) => ({ what, at: events.find((each) => each.what === what)?.at ?? known[what] }));
  return h("ol", { class: "stations", "aria-label": "How far it is" }, ...reached.map(({ what, at }) =>
    h("li", { "data-station": what, class: at ? "reached" : "" },
      h("b", {}, NAMES[what]),
      h("span", {}, at ? (what === "created" ? time(at) : h("span", { title: zoned(at) }, `after ${duration(Date.parse(at) - created)}`)) : "not yet"))));
}

/**
 * Every step, in the order of time.
 *
 * @param {Item} item @param {Step[]} events
 */
export function steps(item, events) {
  if (!events.length) return h("p", { class: "nothing" }, "The instances remember nothing more of it; what is above comes from the database.");
  const sorted = events.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const created = Date.parse(sorted.find(({ what }) => what === "created")?.at ?? item.createdAt);
  return h("ol", { class: "steps", "aria-label": "Every step" }, ...sorted.map((step) => entry(step, created)));
}

/** @param {string} what */
const nameOf = (what) => NAMES[what] ?? OTHERS[what] ?? `${what[0].toUpperCase()}${what.slice(1)}`;

/** @param {Step} step @param {number} created */
function entry({ at, what, instance, session, detail, count }, created) {
  const passed = Date.parse(at) - created;
  const places = [
    ...(instance ? [h("span", {}, "instance ", h("code", { title: instance }, abbreviated(instance)))] : []),
    ...(session ? [h("span", {}, "session ", h("code", { title: session }, abbreviated(session)))] : []),
  ];
  return h("li", { "data-what": what },
    h("time", { datetime: at, title: zoned(at) }, clock(at)),
    h("span", { class: "after" }, passed > 0 ? `+${duration(passed)}` : ""),
    h("span", { class: "step" }, h("b", {}, `${nameOf(what)}${count ? ` × ${number(count)}` : ""}`), ...places, ...(detail ? [h("span", { class: "about" }, detail)] : [])),
  );
}
