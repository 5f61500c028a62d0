/** What was announced from this page: how many users it has reached, and a button to retract it. */

import { $, attempt, clone, partsOf, setText } from "./dom.js";
import { serverTime } from "./server-clock.js";

const KEPT = 3;
const LOOK_EVERY = 1500; // milliseconds

/** "2 of 3 users have it, 1 has read it, 1 has acknowledged it" */
function reachText({ users, received, read, acknowledged }, requireAck) {
  const has = (number) => (number === 1 ? "has" : "have");
  const of = `${received} of ${users} ${users === 1 ? "user" : "users"} ${has(received)} it`;
  return requireAck ? `${of}, ${acknowledged} ${has(acknowledged)} acknowledged it.` : `${of}, ${read} ${has(read)} read it.`;
}

export class Announced {
  #backEnd;
  #say;
  #leave;
  #entries = []; // the newest first
  #looking = Promise.resolve();

  /** `say(text)`: what has become of it. `leave()`: gives the focus away when there is no other entry. */
  constructor(backEnd, { say, leave }) {
    this.#backEnd = backEnd;
    this.#say = say;
    this.#leave = leave;
    setInterval(() => {
      if (this.#entries.length && document.visibilityState === "visible") this.#look();
    }, LOOK_EVERY);
  }

  /** `item`: as the server has answered it. */
  add(item) {
    const title = item.title || item.message;
    const element = clone("announcement");
    const button = element.querySelector("button");
    const entry = { item, element };
    partsOf(element)("title").textContent = title;
    button.setAttribute("aria-label", `Retract: ${title}`);
    button.addEventListener("click", () => attempt(() => this.#retract(entry)));
    $("announced").prepend(element);
    this.#entries.unshift(entry);
    for (const old of this.#entries.splice(KEPT)) old.element.remove();
  }

  #look() {
    const last = this.#looking;
    this.#looking = (async () => {
      await last;
      for (const entry of [...this.#entries]) await this.#showReach(entry).catch(() => {}); // the next look may
    })();
  }

  async #showReach({ item, element }) {
    if (!element.isConnected) return;
    if (Date.parse(item.expiresAt) <= serverTime()) return setText(partsOf(element)("reach"), "Expired.");
    const reach = await this.#backEnd.reach(item.id);
    setText(partsOf(element)("reach"), reachText(reach, item.requireAck));
  }

  async #retract(entry) {
    const next = entry.element.nextElementSibling ?? entry.element.previousElementSibling;
    entry.element.remove();
    this.#entries = this.#entries.filter((each) => each !== entry);
    next?.querySelector("button").focus();
    if (!next) this.#leave();
    await this.#looking; // which would find it gone
    await this.#backEnd.retract(entry.item.id);
    this.#say("204 No Content: retracted, and removed from every screen.");
  }
}
