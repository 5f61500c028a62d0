/** The buttons that a notification brings with it, of which the reader may choose one. */

import { button, h } from "./dom.js";
import { icon } from "./icons.js";

/** @import { Notification, NotificationAction } from "../eventide-bell.js" */
/** @import { Reader } from "./types.js" */

export class Choices {
  element;
  #reader;
  #buttons;
  #item;
  #sending = false;

  /**
   * @param {Reader} reader
   * @param {Notification} item
   */
  constructor(reader, item) {
    this.#reader = reader;
    this.#item = item;
    this.#buttons = new Map((item.actions ?? []).map((action) => [action.id, this.#button(action)]));
    this.element = h("span", { class: "choices", part: "choices" }, ...this.#buttons.values());
  }

  /** @param {Notification} item */
  update(item) {
    this.#item = item;
    const chosen = item.action?.id;
    this.element.setAttribute("aria-busy", String(this.#sending));
    for (const [id, each] of this.#buttons) {
      // Not `disabled`, which would take the focus away.
      each.setAttribute("aria-disabled", String(this.#sending || chosen !== undefined));
      each.setAttribute("aria-pressed", String(id === chosen));
      each.part.toggle("choice-chosen", id === chosen);
    }
  }

  /** @param {NotificationAction} action */
  #button(action) {
    const style = action.style === "primary" ? "primary" : "secondary";
    const looks = { class: `choice ${style}`, part: `choice choice-${style}` };
    const label = h("span", { dir: "auto" }, action.label);
    return button({ ...looks, onclick: () => this.#choose(action) }, icon("check"), label);
  }

  /** @param {NotificationAction} action */
  async #choose(action) {
    if (this.#sending || this.#item.action) return;
    this.#sending = true;
    this.update(this.#item);
    try {
      await this.#reader.choose(this.#item, action);
    } finally {
      this.#sending = false;
      this.update(this.#item);
    }
  }
}
