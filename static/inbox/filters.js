/** Which notifications are shown: all, unread or archived ones, of one type, with some text. */

import { readable } from "../eventide-bell.js";

const TYPING = 250; // milliseconds after the last letter until the server is asked

export class Filters {
  #view;
  #inbox;
  #changed;
  #types = new Set();
  #typing = 0;

  /** `changed()`: others are shown from now on. `leave()`: the keyboard goes from the search on to the rows. */
  constructor(view, { inbox, changed, leave }) {
    this.#view = view;
    this.#inbox = inbox;
    this.#changed = changed;
    const { filters, search } = view;
    filters.addEventListener("change", () => this.#apply());
    filters.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply();
      leave();
    });
    search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#apply(), TYPING);
    });
    search.addEventListener("keydown", (event) => {
      if (!["Escape", "ArrowDown"].includes(event.key) || event.isComposing) return;
      if (event.key === "Escape" && search.value) return; // the browser clears it
      event.preventDefault();
      leave();
    });
  }

  close() {
    clearTimeout(this.#typing);
  }

  clear() {
    this.#view.filters.reset();
    this.#apply();
    this.#view.search.focus();
  }

  search() {
    this.#view.search.focus();
    this.#view.search.select();
  }

  /** Every type that was ever shown can be chosen. */
  showTypes(items) {
    const { type: select } = this.#view;
    for (const { type } of items) {
      if (this.#types.has(type)) continue;
      this.#types.add(type);
      const after = [...select.options].slice(1).find((option) => option.value > type) ?? null;
      select.add(new Option(readable(type), type), after);
    }
  }

  #apply() {
    clearTimeout(this.#typing);
    const { view, type, q } = this.#view.filters.elements;
    const wanted = {
      unread: view.value === "unread", archived: view.value === "archived", type: type.value, q: q.value.trim(),
    };
    const { filter } = this.#inbox;
    if (Object.entries(wanted).every(([name, value]) => (filter[name] || "") === (value || ""))) return;
    this.#changed();
    this.#inbox.setFilter(wanted);
  }
}
