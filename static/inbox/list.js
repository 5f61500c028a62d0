/** The rows, and which of them is the current one: where the keys j and k are. */

import { WindowedList } from "../eventide-bell.js";
import { Row } from "./row.js";

export class List {
  element;
  #window;
  #items = [];
  #searched = "";
  #selection;
  #current = null;
  #tabbable = null;
  #above;

  /** `context`: the rows'. `selection`: which are selected. `above`: what covers the first row when it stays. */
  constructor(element, { selection, above, context }) {
    this.element = element;
    this.#selection = selection;
    this.#above = above;
    this.#window = new WindowedList(element, document.scrollingElement, (item) => this.#make(item, context));
    element.addEventListener("focusin", ({ target }) => this.#focused(target.closest(".row")?.dataset.id));
    addEventListener("scrollend", this.#scrolled, { capture: true, passive: true });
  }

  close() {
    removeEventListener("scrollend", this.#scrolled, { capture: true });
    this.#window.close();
  }

  get order() { return this.#items.map(({ id }) => id); }
  get current() { return this.#current; }

  /** What opens the current notification: a link or a button. */
  get main() {
    return this.#window.rowOf(this.#current)?.row.main;
  }

  render(items, { searched, complete }) {
    const wanted = new Set(items.map(({ id }) => id));
    if (this.#current && !wanted.has(this.#current)) this.#current = this.#nextOf(wanted);
    this.#items = items;
    this.#searched = searched;
    this.#tabbable = this.#current ?? items[0]?.id;
    this.#window.render(items, { complete });
  }

  /** The rows show what is selected now, and which is the current one. */
  update() {
    for (const { row } of this.#window.rows) this.#show(row, row.item);
  }

  tick() {
    for (const { row } of this.#window.rows) row.tick();
  }

  /** Go to the row that many further; without a current one to the first that can be seen. */
  move(by) {
    const order = this.order;
    const at = order.indexOf(this.#current);
    const isLost = at === -1 && Number.isFinite(by);
    const to = isLost ? order.indexOf(this.#firstSeen()) : Math.min(Math.max(at + by, 0), order.length - 1);
    this.#focused(order[to]); // a window without the keyboard hears of no focus
    this.#window.focusAt(to);
  }

  /** Give the keyboard to the current row; without one to the list. */
  focus() {
    if (!this.#window.focusAt(this.order.indexOf(this.#current))) this.element.focus({ preventScroll: true });
  }

  /** Do what moves this one in the list, which is drawn meanwhile: the keyboard goes on to what takes its place. */
  moving(id, act) {
    const isHere = this.#window.focused?.id === id;
    const place = this.order.indexOf(id);
    const result = act();
    if (isHere && this.order.length) this.move(Math.min(place, this.order.length - 1) - this.order.indexOf(this.#current));
    return result;
  }

  #focused(id) {
    if (!id || id === this.#current) return;
    this.#current = this.#tabbable = id;
    this.update();
  }

  /** Whoever scrolled away from the current row goes on with the keys from what is seen now. */
  #scrolled = () => {
    if (this.#current && this.#window.rowOf(this.#current)) return;
    const before = this.#tabbable;
    this.#current = null;
    this.#tabbable = this.#firstSeen();
    for (const id of new Set([before, this.#tabbable])) {
      const row = this.#window.rowOf(id)?.row;
      if (row) this.#show(row, row.item);
    }
  };

  #firstSeen() {
    const top = Math.max(this.#above.getBoundingClientRect().bottom, 0);
    const seen = this.#window.rows.find(({ element }) => element.getBoundingClientRect().bottom > top);
    return seen?.row.item.id ?? this.#items[0]?.id;
  }

  #make(item, context) {
    const row = new Row(item, context);
    row.tick();
    return {
      element: row.element,
      row,
      update: (now) => this.#show(row, now),
      settle: () => row.settle(),
      focus: () => row.main.focus(),
    };
  }

  #show(row, item) {
    row.update(item, {
      searched: this.#searched, selected: this.#selection.has(item.id), isTabbable: item.id === this.#tabbable,
    });
  }

  /** The one after the current one that stays, else the one before. */
  #nextOf(wanted) {
    const order = this.order;
    const at = order.indexOf(this.#current);
    return [...order.slice(at + 1), ...order.slice(0, Math.max(at, 0)).reverse()].find((id) => wanted.has(id)) ?? null;
  }
}
