/** Users beside each other, or, on a narrow screen, behind tabs: the same sections, one shown at a time. */

import { $ } from "./dom.js";

export class Tabs {
  #narrow = matchMedia("(max-width: 44rem)");
  #panels = new Map(); // tab → section
  #selected = null;

  constructor() {
    this.#narrow.addEventListener("change", () => this.#draw());
    $("tabs").addEventListener("click", ({ target }) => this.#select(target.closest("[role=tab]")));
    $("tabs").addEventListener("keydown", (event) => this.#move(event));
  }

  /** Show these sections, `{id, name, element}`, in this order. */
  show(sections) {
    const selected = this.#panels.get(this.#selected)?.id;
    this.#panels = new Map(sections.map((section) => [tab(section), section]));
    $("tabs").replaceChildren(...this.#panels.keys());
    this.#selected = [...this.#panels.keys()].find((each) => this.#panels.get(each).id === selected) ?? $("tabs").firstElementChild;
    this.#draw();
  }

  /** How many unread there are behind a tab. */
  count(id, unread) {
    for (const [each, section] of this.#panels) if (section.id === id) each.dataset.unread = unread || "";
  }

  #select(chosen) {
    if (!chosen) return;
    this.#selected = chosen;
    this.#draw();
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...this.#panels.keys()];
    this.#select(all.at((all.indexOf(this.#selected) + step) % all.length));
    this.#selected.focus();
  }

  #draw() {
    const narrow = this.#narrow.matches;
    $("tabs").hidden = !narrow || this.#panels.size < 2;
    for (const [each, { element }] of this.#panels) {
      const selected = each === this.#selected;
      each.ariaSelected = String(selected);
      each.tabIndex = selected ? 0 : -1;
      element.hidden = !$("tabs").hidden && !selected;
      if ($("tabs").hidden) element.removeAttribute("role");
      else element.setAttribute("role", "tabpanel");
      if (!$("tabs").hidden) element.setAttribute("aria-labelledby", each.id);
    }
  }
}

function tab({ id, name, element }) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", role: "tab", id: `tab-${id}`, textContent: name });
  button.setAttribute("aria-controls", element.id);
  return button;
}
