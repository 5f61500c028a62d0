/** A hundred notifications at once, and how many of them each device has. */

import { liked } from "./samples.js";

const SIZE = 100;
const SHOWN_EVERY = 500;
const AT_ONCE = 3; // requests of one caller, of which the server lets no more run

export class Burst {
  #backEnd;
  #sent;
  #say;
  #ids = new Set();
  #had = new Map(); // by device: how many of them
  #saved = ""; // said of what was saved, once all are
  #timer = 0;
  #running = false;

  /** `sent(items, draft)`: what was saved. `say(text, wrong)`: what has become of it. */
  constructor(backEnd, sent, say) {
    this.#backEnd = backEnd;
    this.#sent = sent;
    this.#say = say;
  }

  /** Send `SIZE` notifications to each of these users, who have these devices on the page. */
  async send(userIds, devices) {
    if (this.#running) return;
    if (!userIds.length) return this.#say("Choose at least one recipient.", true);
    this.#running = true;
    this.#saved = "";
    this.#say(`Sending ${SIZE} …`);
    this.#ids.clear();
    this.#had = new Map(devices.map((device) => [device, new Set()]));
    const begun = performance.now();
    let next = 1;
    const work = async () => {
      while (next <= SIZE) await this.#one(userIds, liked(next++, SIZE));
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      this.#saved = `${SIZE} requests, ${this.#ids.size} notifications saved in ${((performance.now() - begun) / 1000).toFixed(1)} s.`;
      this.#show();
    } catch (problem) {
      this.#say(problem.message, true);
    } finally {
      this.#running = false;
    }
  }

  /** Something else has been sent since: say no more of these. */
  end() {
    this.#had.clear();
    this.#saved = "";
  }

  /** A device was given a notification. */
  arrived(device, id) {
    const had = this.#had.get(device);
    if (!had) return;
    had.add(id); // it may be answered only later that this is one of ours
    if (this.#saved && this.#ids.has(id)) this.#showSoon();
  }

  async #one(userIds, draft) {
    const { notifications } = await this.#backEnd.post("/v1/admin/notifications", { userIds, ...draft });
    for (const { id } of notifications) this.#ids.add(id);
    this.#sent(notifications, draft);
  }

  /** Not for each: a screen reader says it. */
  #showSoon() {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#saved) this.#show();
    }, SHOWN_EVERY);
  }

  #show() {
    const counts = [...this.#had].map(([device, had]) => `${device.name} ${[...had].filter((id) => this.#ids.has(id)).length}`);
    this.#say(counts.length ? `${this.#saved} Arrived: ${counts.join(", ")}.` : this.#saved);
  }
}
