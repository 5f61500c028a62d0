/** How far an announcement has come: of how many users, and who is missing. */

import { button, h, setText } from "./dom.js";
import { call } from "./access.js";
import { attempt, inPath, userLink } from "./page.js";
import { number } from "./words.js";

/** @import { Item, Reach } from "./types.d.ts" */

const LIMIT = 100;

/** A panel of an announcement; `show` draws what is known now. */
export class ReachPanel {
  element;
  /** @type {HTMLElement[]} */
  #values;
  #missing = h("div", {});

  /** @param {Item} item */
  constructor({ id, requireAck, topic }) {
    const names = [topic ? "Subscribers" : "Known users", "Received", "Read", ...(requireAck ? ["Acknowledged"] : [])];
    this.#values = names.map(() => h("dd", {}, "…"));
    const rows = names.map((name, at) => h("div", {}, h("dt", {}, name), this.#values[at]));
    const what = `Show who has not ${requireAck ? "acknowledged" : "read"} it`;
    const load = () => attempt(() => this.#load(`/v1/admin/announcements/${inPath(id)}/reach/missing`, what, ""));
    this.#missing.append(button({ class: "quiet", onclick: load }, what));
    this.element = h("section", { class: "panel", "aria-labelledby": "reach-title" },
      h("h3", { id: "reach-title" }, "Reach"), h("dl", { class: "facts" }, ...rows), this.#missing);
  }

  /** @param {Reach} reach */
  show({ users, received, read, acknowledged }) {
    [users, received, read, acknowledged].slice(0, this.#values.length).forEach((value, at) => setText(this.#values[at], number(value)));
  }

  /** @param {string} path @param {string} what @param {string} cursor */
  async #load(path, what, cursor) {
    const asked = new URLSearchParams({ limit: String(LIMIT), ...(cursor && { cursor }) });
    const { userIds, nextCursor } = await call("GET", `${path}?${asked}`);
    const list = h("ul", { class: "chips", "aria-label": what.replace("Show who", "Who"), tabindex: "-1" },
      ...userIds.map((/** @type {string} */ id) => h("li", {}, userLink(id))));
    const pages = [
      ...(nextCursor ? [button({ class: "quiet", onclick: () => attempt(() => this.#load(path, what, nextCursor)) }, "Next page")] : []),
      button({ class: "quiet", onclick: () => attempt(() => this.#load(path, what, "")) }, "Look again"),
    ];
    this.#missing.replaceChildren(userIds.length ? list : h("p", { class: "nothing", tabindex: "-1" }, "Nobody."), h("div", { class: "buttons" }, ...pages));
    /** @type {HTMLElement} */ (this.#missing.firstElementChild).focus();
  }
}
