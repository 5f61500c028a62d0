/** The timeline of each notification: saved → arrived → confirmed → read, each with its time, filled in as it happens. */

import { $, clone, drawSoon, partsOf, setText } from "./dom.js";
import { Identity } from "./rest.js";
import { clock, serverTime } from "./server-clock.js";

const KEPT = 12;
const WAITS = [100, 300, 700, 1500, 3000]; // milliseconds: a receipt is not told, it has to be looked up

/** "8 ms", "5.2 s", "3 min". Clocks differ by a little, and nothing arrives before it was saved. */
function duration(milliseconds) {
  const passed = Math.max(0, Math.round(milliseconds));
  if (passed < 1000) return `${passed} ms`;
  return passed < 120_000 ? `${(passed / 1000).toFixed(1)} s` : `${Math.round(passed / 60_000)} min`;
}

export class Timelines {
  #timelines = new Map(); // by notification and user: an announcement goes to many under one id
  #watches = new Map(); // by user
  #draw = drawSoon(() => this.#render());
  #getToken;

  /** `getToken(user)`: a promise of a token of that user. */
  constructor(getToken) {
    this.#getToken = getToken;
  }

  /** It was sent to this user, whose devices are these. Told again, nothing changes. */
  begin(user, item, devices) {
    const key = `${item.id} ${user.id}`;
    if (!this.#timelines.has(key)) {
      const lanes = new Map(devices.map((device) => [device, {}]));
      this.#timelines.set(key, { user, item, lanes, savedAt: item.createdAt ?? createdAt(item.id) });
      if (this.#timelines.size > KEPT) this.#timelines.delete(this.#oldest());
    }
    this.#draw();
    return this.#timelines.get(key) ?? { lanes: new Map() }; // it was the oldest itself
  }

  /** A device was given it, or would have been, had its connection not been cut. */
  arrived(device, { item, at, replayed, lost = false }, devices) {
    const { lanes } = this.begin(device.user, item, devices);
    const lane = lanes.get(device) ?? {};
    lanes.set(device, { ...lane, [lost ? "lostAt" : "arrivedAt"]: serverTime(at), replayed });
    if (!lost) this.lookUp(device.user);
  }

  /** Ask the server how far this user's notifications are, soon, and again until all that arrived are confirmed. */
  lookUp(user) {
    const watch = this.#watchOf(user);
    watch.waits = [...WAITS];
    watch.asked = true;
    if (!watch.timer || watch.dueAt > Date.now() + WAITS[0]) this.#lookLater(user, watch);
  }

  /** These are gone: deleted, or retracted. */
  removed(user, ids) {
    for (const timeline of this.#of(user)) if (ids.includes(timeline.item.id)) timeline.gone = true;
    this.#draw();
  }

  #lookLater(user, watch) {
    clearTimeout(watch.timer);
    const wait = watch.waits.shift();
    if (wait === undefined) return void (watch.timer = 0);
    watch.dueAt = Date.now() + wait;
    watch.timer = setTimeout(async () => {
      watch.asked = false;
      await this.#look(user, watch.identity).catch(() => {}); // the server cannot be reached: the next arrival asks again
      watch.timer = 0;
      if (watch.asked || this.#of(user).some(isUnderway)) this.#lookLater(user, watch);
    }, wait);
  }

  async #look(user, identity) {
    const { notifications } = await identity.call("GET", "/v1/notifications?limit=50");
    for (const item of notifications) {
      const timeline = this.#timelines.get(`${item.id} ${user.id}`);
      if (timeline) Object.assign(timeline, { item, savedAt: item.createdAt });
    }
    this.#draw();
  }

  #of(user) {
    return [...this.#timelines.values()].filter((timeline) => timeline.user.id === user.id);
  }

  #watchOf(user) {
    if (!this.#watches.has(user.id)) {
      const identity = new Identity(() => this.#getToken(user));
      this.#watches.set(user.id, { identity, waits: [], timer: 0, dueAt: 0, asked: false });
    }
    return this.#watches.get(user.id);
  }

  #oldest() {
    return [...this.#timelines.keys()].sort()[0];
  }

  #render() {
    const newestFirst = [...this.#timelines].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, timeline]) => timeline);
    let place = $("timelines").firstElementChild;
    for (const timeline of newestFirst) {
      timeline.element ??= clone("timeline");
      fill(timeline);
      if (timeline.element === place) place = place.nextElementSibling; // what stays is not touched: it may be moving
      else $("timelines").insertBefore(timeline.element, place);
    }
    while ($("timelines").childElementCount > newestFirst.length) $("timelines").lastElementChild.remove();
    $("no-timelines").hidden = newestFirst.length > 0;
  }
}

/** A UUIDv7 begins with the time at which it was made. */
const createdAt = (id) => new Date(Number.parseInt(id.replace("-", "").slice(0, 12), 16)).toISOString();

/** A device has it, and the server does not know that yet. */
const isUnderway = ({ item, lanes }) => !item.deliveredAt && !item.readAt && [...lanes.values()].some(({ arrivedAt }) => arrivedAt);

const written = (time) => clock(Date.parse(time));

function fill({ element, user, item, savedAt, lanes, gone }) {
  const part = partsOf(element);
  const arrived = [...lanes.values()].some(({ arrivedAt }) => arrivedAt);
  element.dataset.id = item.id;
  element.dataset.user = user.id;
  element.classList.toggle("gone", Boolean(gone));
  setText(part("title"), item.title || item.message);
  setText(part("to"), `to ${user.name}${gone ? " · deleted since" : ""}`);
  reach(element, "saved", written(savedAt));
  reach(element, "arrived", "", arrived);
  const saved = Date.parse(savedAt);
  part("arrived").replaceChildren(...(lanes.size ? [...lanes].map(([device, lane]) => laneText(device, lane, saved)) : ["No device is on this page."]));
  // Who reads it before the receipt is written has confirmed it, too; then the server does not note that any more.
  reach(element, "confirmed", item.deliveredAt ? written(item.deliveredAt) : item.readAt && "by reading");
  reach(element, "read", item.readAt && written(item.readAt));
}

function laneText(device, { arrivedAt, lostAt, replayed }, saved) {
  const line = document.createElement("span");
  line.className = "lane";
  line.classList.toggle("lost", Boolean(lostAt && !arrivedAt));
  const late = replayed ? `after ${duration(arrivedAt - saved)}, on reconnecting` : `after ${duration(arrivedAt - saved)}`;
  const what = arrivedAt ? `${clock(arrivedAt)}, ${late}` : lostAt ? "offline, not yet" : "…";
  line.textContent = `${device.kind}: ${what}`;
  return line;
}

function reach(element, station, text, reached = Boolean(text)) {
  element.querySelector(`[data-station=${station}]`).classList.toggle("reached", reached);
  if (station !== "arrived") setText(partsOf(element)(station), text || "…");
}
