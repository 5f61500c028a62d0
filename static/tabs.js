/** Sections of which one is shown at a time; where a media query does not match, all are. */

export class Tabs {
  #list;
  #query;
  #panels = new Map(); // tab → section
  #selected = null;
  #changed;

  /** `list`: an element with the role "tablist". `query`: a media query. `changed()`: another section may be shown. */
  constructor(list, { query = "all", changed = () => {} } = {}) {
    this.#list = list;
    this.#changed = changed;
    this.#query = matchMedia(query);
    this.#query.addEventListener("change", () => {
      this.#draw();
      this.#changed();
    });
    list.addEventListener("click", ({ target }) => this.#select(target.closest("[role=tab]")));
    list.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Show these sections, `{id, name, element}`, in this order. `element` has an id. */
  show(sections) {
    for (const { element } of this.#panels.values()) this.#leave(element);
    const selected = this.#panels.get(this.#selected)?.id;
    this.#panels = new Map(sections.map((section) => [tab(section), section]));
    this.#list.replaceChildren(...this.#panels.keys());
    this.#selected = [...this.#panels.keys()].find((each) => this.#panels.get(each).id === selected) ?? this.#list.firstElementChild;
    this.#draw();
  }

  /** The ids of the sections that are shown. */
  get shown() {
    if (this.#query.matches) return this.#selected ? [this.#panels.get(this.#selected).id] : [];
    return [...this.#panels.values()].map(({ id }) => id);
  }

  /** A number to show on a tab: what is new there. */
  count(id, count) {
    for (const [each, section] of this.#panels) if (section.id === id) each.dataset.count = count || "";
  }

  #select(chosen) {
    if (!chosen) return;
    this.#selected = chosen;
    this.#draw();
    this.#changed();
  }

  #move(event) {
    const all = [...this.#panels.keys()];
    const at = all.indexOf(this.#selected);
    const to = { ArrowRight: (at + 1) % all.length, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#select(all.at(to));
    this.#selected.focus();
  }

  #draw() {
    const apart = this.#query.matches && this.#panels.size > 0;
    this.#list.hidden = !apart;
    for (const [each, { element }] of this.#panels) {
      const selected = each === this.#selected;
      each.ariaSelected = String(selected);
      each.tabIndex = selected ? 0 : -1;
      if (!apart) {
        this.#leave(element);
        continue;
      }
      element.hidden = !selected;
      element.dataset.label ??= element.getAttribute("aria-labelledby") ?? "";
      element.setAttribute("role", "tabpanel");
      element.setAttribute("aria-labelledby", each.id);
      const folded = element.querySelector(":scope > details");
      if (selected && folded) folded.open = true; // its tab has been its summary
    }
  }

  #leave(element) {
    if (element.dataset.label === undefined) return;
    element.hidden = false;
    element.removeAttribute("role");
    element.setAttribute("aria-labelledby", element.dataset.label);
    delete element.dataset.label;
  }
}

function tab({ id, name, element }) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", role: "tab", id: `tab-${id}`, textContent: name });
  button.setAttribute("aria-controls", element.id);
  return button;
}
