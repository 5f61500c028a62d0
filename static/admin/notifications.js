/** One notification: what it says, how far it is, and its timeline. */

import { button, h } from "./dom.js";
import { call } from "./access.js";
import { facts, retracted, titleOf } from "./items.js";
import { attempt, finder, inPath } from "./page.js";
import { ReachPanel } from "./reach.js";
import { stations, steps } from "./timeline.js";
import { Watch } from "./watch.js";

/** @import { Item, Step } from "./types.d.ts" */

const EVERY = 2000;

export class Notifications {
  #root;
  /** @type {Watch | null} */
  #watch = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {string} id */
  open(id) {
    const hint = "As the answer to the request has it that sent it, or a user’s list.";
    const find = finder({ id: "find-item", label: "Notification’s id", hint, value: id }, "notifications");
    const place = h("div", { class: "found" });
    this.#root.replaceChildren(h("h2", { id: "notifications-title", tabindex: "-1" }, "Notifications"), find, place);
    if (id) this.#show(id, place);
    else place.append(h("p", { class: "nothing" }, "The timeline of a notification says what has become of it: created, sent to which sessions by which instance, received, read."));
  }

  close() {
    this.#watch?.stop();
    this.#watch = null;
  }

  /** @param {string} id @param {HTMLElement} place */
  #show(id, place) {
    let drawn = "";
    const find = finding(id);
    /** @type {ReachPanel | null} */
    let reach = null;
    this.#watch = new Watch(() => attempt(async () => {
      const asked = this.#watch;
      const answers = await Promise.all([find(), call("GET", `/v1/admin/notifications/${inPath(id)}/timeline`)]).catch((problem) => {
        if (problem.status === 404) asked?.stop(); // it does not exist, or not any more: what was known of it stays
        throw problem;
      });
      const [item, { events }] = answers;
      const current = JSON.stringify([item, events]);
      if (asked !== this.#watch) return;
      if (!drawn) {
        place.replaceChildren(...this.#parts(item));
        if (item.kind === "announcement" && item.userId === undefined) place.append((reach = new ReachPanel(item)).element);
      }
      if (reach) reach.show(await call("GET", `/v1/admin/announcements/${inPath(id)}/reach`));
      if (current === drawn) return;
      drawn = current;
      fill(place, item, events);
    }), EVERY);
    this.#watch.start();
  }

  /** @param {Item} item */
  #parts(item) {
    const retract = item.kind === "announcement" ? [button({ class: "quiet", onclick: () => attempt(async () => void ((await retracted(item)) && (location.hash = "send"))) }, "Retract")] : [];
    return [
      h("section", { class: "panel", "aria-labelledby": "item-title" }, h("h3", { id: "item-title" }, h("bdi", {}, titleOf(item))), h("div", { class: "facts-place" }), ...retract),
      h("section", { class: "panel", "aria-labelledby": "timeline-title" }, h("h3", { id: "timeline-title" }, "Timeline"), h("div", { class: "timeline-place" })),
    ];
  }
}

/** @param {HTMLElement} place @param {Item} item @param {Step[]} events */
function fill(place, item, events) {
  place.querySelector(".facts-place")?.replaceChildren(facts(item));
  place.querySelector(".timeline-place")?.replaceChildren(stations(item, events), steps(item, events));
}

/**
 * A function that finds it: among the current announcements, which are few, or as somebody's notification.
 *
 * @param {string} id
 */
function finding(id) {
  let announced = true;
  return async () => {
    if (announced) {
      /** @type {{ announcements: Item[] }} */
      const { announcements } = await call("GET", "/v1/admin/announcements?limit=100");
      const found = announcements.find((each) => each.id === id);
      if (found) return found;
      announced = false;
    }
    return call("GET", `/v1/admin/notifications/${inPath(id)}`);
  };
}
