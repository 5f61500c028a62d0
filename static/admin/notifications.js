/** One notification: what it says, how far it is, and its timeline. */

import { button, h } from "../inbox/dom.js";
import { call } from "./access.js";
import { facts, titleOf } from "./items.js";
import { attempt, confirmed, form, inPath, labelled, say, valueOf } from "./page.js";
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
    const find = form({ class: "panel find", role: "search" }, async (element) => {
      const wanted = valueOf(element, "id");
      if (!wanted) throw new Error("Paste the id of a notification.");
      location.hash = `notifications/${inPath(wanted)}`;
      return "";
    },
      labelled("Notification’s id", h("input", { id: "find-item", name: "id", value: id, autocomplete: "off", spellcheck: "false" }), "As the answer to the request has it that sent it, or a user’s list."),
      h("button", { type: "submit", class: "primary" }, "Open"));
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
    this.#watch = new Watch(() => attempt(async () => {
      const asked = this.#watch;
      const path = `/v1/admin/notifications/${inPath(id)}`;
      const [item, { events }] = await Promise.all([call("GET", path), call("GET", `${path}/timeline`)]);
      const current = JSON.stringify([item, events]);
      if (asked !== this.#watch || current === drawn) return;
      if (!drawn) place.replaceChildren(...this.#parts(item));
      drawn = current;
      fill(place, item, events);
    }), EVERY);
    this.#watch.start();
  }

  /** @param {Item} item */
  #parts(item) {
    const retract = item.kind === "announcement" ? [button({ class: "quiet", onclick: () => attempt(() => retracted(item)) }, "Retract")] : [];
    return [
      h("section", { class: "panel", "aria-labelledby": "item-title" }, h("h3", { id: "item-title", dir: "auto" }, titleOf(item)), h("div", { class: "facts-place" }), ...retract),
      h("section", { class: "panel", "aria-labelledby": "timeline-title" }, h("h3", { id: "timeline-title" }, "Timeline"), h("div", { class: "timeline-place" })),
    ];
  }
}

/** @param {HTMLElement} place @param {Item} item @param {Step[]} events */
function fill(place, item, events) {
  place.querySelector(".facts-place")?.replaceChildren(facts(item));
  place.querySelector(".timeline-place")?.replaceChildren(stations(item, events), steps(item, events));
}

/** @param {Item} item */
async function retracted(item) {
  const text = "It leaves every open screen and every user’s list, and cannot be brought back.";
  if (!(await confirmed({ title: "Retract the announcement?", text, yes: "Retract", danger: true }))) return;
  await call("DELETE", `/v1/admin/announcements/${inPath(item.id)}`);
  say("Retracted.");
  location.hash = "send";
}
