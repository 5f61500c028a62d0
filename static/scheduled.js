/** What will be sent: when, and a button to cancel it. */

import { $, attempt, clone, partsOf, setText } from "./dom.js";
import { serverTime } from "./server-clock.js";

const TICK = 250;
const SHOWN_FOR = 1500; // milliseconds after it was due

export class Scheduled {
  #backEnd;
  #say;
  #leave;
  #entries = new Map(); // by id
  #timer = 0;

  /** `say(text)`: what has become of it. `leave()`: gives the focus away when there is no other entry. */
  constructor(backEnd, { say, leave }) {
    this.#backEnd = backEnd;
    this.#say = say;
    this.#leave = leave;
  }

  /** Show what the server has from before. */
  async load() {
    const { scheduled } = await this.#backEnd.scheduled();
    for (const each of scheduled) this.add(each, each.title || each.message);
  }

  /** `{id, sendAt}`, and what it is called. */
  add({ id, sendAt }, title) {
    const element = clone("later");
    const button = element.querySelector("button");
    partsOf(element)("title").textContent = title;
    button.setAttribute("aria-label", `Cancel: ${title}`);
    button.addEventListener("click", () => attempt(() => this.#cancel(id, title)));
    this.#entries.set(id, { element, at: Date.parse(sendAt) });
    $("scheduled").append(element);
    this.#timer ||= setInterval(() => this.#tick(), TICK);
    this.#tick();
  }

  #tick() {
    for (const [id, { element, at }] of this.#entries) {
      const left = at - serverTime();
      if (left < -SHOWN_FOR) this.#remove(id);
      else setText(partsOf(element)("when"), left > 0 ? `in ${span(left)}` : "now");
    }
  }

  async #cancel(id, title) {
    const isInTime = await this.#backEnd.cancel(id);
    this.#remove(id);
    this.#say(isInTime ? `204 No Content: “${title}” will not be sent.` : `“${title}” was sent already.`);
  }

  #remove(id) {
    const { element } = this.#entries.get(id) ?? {};
    if (!element) return;
    const next = element.nextElementSibling ?? element.previousElementSibling;
    const hadFocus = element.matches(":focus-within");
    element.remove();
    this.#entries.delete(id);
    if (hadFocus && next) next.querySelector("button").focus();
    else if (hadFocus) this.#leave();
    if (this.#entries.size) return;
    clearInterval(this.#timer);
    this.#timer = 0;
  }
}

/** Two minutes as seconds, which are counted down; what is later, roughly. */
function span(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds <= 120) return `${seconds} s`;
  if (seconds <= 120 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds <= 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}
