/**
 * A list of which only the rows that can be seen, and some above and below, are in the page.
 *
 * What is not there is room: above the first row, below the last, and above a row that is kept although it is far
 * away, because it has the focus. Rows may be of different heights and may change them: the browser tells them while
 * they are there. Whatever changes above what the reader looks at, it stays where it is on the screen.
 */

import { settled } from "./settled.js";

/** @import { WindowedRow } from "../eventide-bell.js" */

const MARGIN = 600; // pixels above and below what can be seen
const ESTIMATE = 84; // pixels: the height of a row, before any has been measured

/**
 * @template {{ readonly id: string }} Item
 * @template {WindowedRow<Item>} Row
 */
export class WindowedList {
  #list;
  #scroller;
  #make;
  /** @type {readonly Item[]} */
  #items = [];
  #complete = true;
  /** @type {Map<string, number>} */
  #indexes = new Map(); // by id
  /** @type {Map<string, Row>} */
  #rows = new Map(); // those in the page, by id
  /** @type {string[]} */
  #order = []; // their ids, from top to bottom
  /** @type {Map<string, number>} */
  #heights = new Map(); // those that are known, by id
  /** @type {number[] | null} */
  #sums = null; // where each item begins, and where the last one ends; null: not known yet
  #estimate = 0;
  #width = 0;
  #isTurned = false; // and so are all heights
  #range = [0, 0]; // from, and up to but without
  #observer;
  #frame = 0;

  /**
   * `list`: the element of the rows, a role="list" that can be focused (tabindex="-1"). `scroller`: what scrolls it;
   * `document.scrollingElement` if that is the page.
   *
   * `make(item)` gives a row: its `element` (of role="listitem"); `update(item, index, items)`, called at once and
   * whenever the list is rendered; `settle()`, if it has that, called once it has stayed in the page for a moment; and
   * `focus()`. Items are told apart by their `id`.
   *
   * @param {HTMLElement} list
   * @param {Element} scroller
   * @param {(item: Item) => Row} make
   */
  constructor(list, scroller, make) {
    this.#list = list;
    this.#scroller = scroller;
    this.#make = make;
    if (scroller instanceof HTMLElement) scroller.style.overflowAnchor = "none"; // two that correct the position would correct it twice
    this.#scrolls.addEventListener("scroll", this.#moved, { passive: true });
    this.#observer = new ResizeObserver(() => this.#resized());
    for (const element of new Set([list, scroller])) this.#observer.observe(element);
  }

  /** No row is left, and nothing is listened to. */
  close() {
    this.#scrolls.removeEventListener("scroll", this.#moved);
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#list.replaceChildren();
    this.#rows.clear();
    this.#order = [];
  }

  /**
   * Show these. `complete`: whether there are no more than these, which assistive technology is told.
   *
   * @param {readonly Item[]} items
   * @param {{ complete?: boolean }} options
   */
  render(items, { complete = true } = {}) {
    const before = this.#items;
    const focused = this.focused;
    this.#items = items;
    this.#complete = complete;
    this.#indexes = new Map(items.map((item, index) => [item.id, index]));
    this.#sums = null;
    if (!focused || this.#indexes.has(focused.id)) return this.#draw({ isNew: true });
    const heir = this.#heir(before, focused.id);
    this.#draw({ isNew: true, kept: heir });
    (this.#rowAt(heir) ?? this.#list).focus();
  }

  /** The rows in the page, from top to bottom: each with its `id`, `element` and so on, as `make` gave it. */
  get rows() {
    return this.#order.map((id) => /** @type {Row} */ (this.#rows.get(id)));
  }

  /**
   * The row of this item, if it is in the page.
   *
   * @param {string} id
   */
  rowOf(id) {
    return this.#rows.get(id);
  }

  /** `{id, index, row}` of the row that has the focus, or undefined. */
  get focused() {
    const active = /** @type {Document | ShadowRoot} */ (this.#list.getRootNode()).activeElement;
    if (!active || active === this.#list || !this.#list.contains(active)) return undefined;
    for (const [id, row] of this.#rows) {
      if (row.element.contains(active)) return { id, index: this.#indexes.get(id) ?? -1, row };
    }
    return undefined;
  }

  /**
   * Give this item's row the focus, and scroll to it; whether there is such an item.
   *
   * @param {number} index
   */
  focusAt(index) {
    if (!this.#items[index]) return false;
    this.#draw({ kept: index });
    this.#rowAt(index)?.focus();
    return true;
  }

  /**
   * Where the focus goes by a key: "ArrowDown" and the like. Whether it went.
   *
   * @param {string} key
   */
  move(key) {
    const at = this.focused?.index ?? -1;
    const goals = new Map([["ArrowDown", at + 1], ["ArrowUp", at - 1], ["Home", 0], ["End", this.#items.length - 1]]);
    const goal = goals.get(key);
    return goal !== undefined && this.focusAt(goal);
  }

  /** @param {number | undefined} index */
  #rowAt(index) {
    return index === undefined ? undefined : this.#rows.get(this.#items[index]?.id);
  }

  // Where things are

  get #isPage() { return this.#scroller === document.scrollingElement; }
  get #scrolls() { return this.#isPage ? globalThis : this.#scroller; }
  get #viewTop() { return this.#isPage ? 0 : this.#scroller.getBoundingClientRect().top + this.#scroller.clientTop; }

  #moved = () => {
    if (!this.#items.length) return;
    const [from, to] = this.#wanted(this.#viewTop - this.#list.getBoundingClientRect().top, MARGIN / 2);
    if (from < this.#range[0] || to > this.#range[1]) this.#draw({ isMoved: true });
  };

  /** What is there has been laid out just now: so the browser knows heights without doing so for this. */
  #resized() {
    const width = this.#list.clientWidth;
    if (width !== this.#width) this.#heights.clear(); // text wraps elsewhere
    this.#width = width;
    const isFirst = !this.#heights.size;
    this.#measure(([id]) => !this.#heights.has(id));
    if (isFirst) this.#estimate = 0; // what is expected of all others is known now
    const expected = this.#tops[this.#items.length];
    if (Math.abs(this.#list.getBoundingClientRect().height - expected) > 0.5) this.#measure(() => true);
    this.#isTurned ||= isFirst;
    this.#frame ||= requestAnimationFrame(() => {
      const isTurned = this.#isTurned;
      this.#frame = 0;
      this.#isTurned = false;
      if (isTurned) this.#draw();
      else this.#moved();
    });
  }

  /** @param {(row: [string, Row]) => boolean} which */
  #measure(which) {
    for (const [id, row] of [...this.#rows].filter(which)) {
      const { height } = row.element.getBoundingClientRect();
      if (!height || this.#heights.get(id) === height) continue;
      this.#heights.set(id, height);
      this.#sums = null;
    }
  }

  /** The first heights are what is expected of all others. */
  get #tops() {
    if (this.#sums) return this.#sums;
    const known = [...this.#heights.values()];
    if (known.length) this.#estimate ||= known.reduce((sum, each) => sum + each, 0) / known.length;
    const expected = this.#estimate || ESTIMATE;
    let top = 0;
    this.#sums = [0];
    for (const { id } of this.#items) this.#sums.push((top += this.#heights.get(id) ?? expected));
    return this.#sums;
  }

  /**
   * From which item to which, if what can be seen begins at `offset` of the list.
   *
   * @param {number} offset
   * @param {number} margin
   * @returns {[number, number]}
   */
  #wanted(offset, margin) {
    const end = this.#items.length;
    const from = this.#indexAt(offset - margin);
    const to = this.#indexAt(offset + this.#scroller.clientHeight + margin) + 1;
    return [Math.min(from, end), Math.min(to, end)];
  }

  /**
   * The last item that begins at `offset` or above.
   *
   * @param {number} offset
   */
  #indexAt(offset) {
    const tops = this.#tops;
    return first(this.#items.length, (index) => tops[index + 1] > offset);
  }

  /**
   * The first row that can be seen, if the list's own beginning cannot; and where it is on the screen.
   *
   * @param {number} viewTop
   * @returns {{ index: number, row: Row, top: number } | null}
   */
  #anchor(viewTop) {
    const rows = this.rows;
    const bottom = viewTop + this.#scroller.clientHeight;
    const seen = first(rows.length, (at) => rows[at].element.getBoundingClientRect().bottom > viewTop);
    for (let at = seen; at < rows.length; at += 1) {
      const { top } = rows[at].element.getBoundingClientRect();
      if (top >= bottom) return null;
      const index = this.#indexes.get(this.#order[at]);
      // One that is not about to go, nor to move down.
      if (index !== undefined && !(this.#indexAfter(at) < index)) return { index, row: rows[at], top };
    }
    return null;
  }

  /**
   * The index of the next one in the page that stays; of the last one NaN.
   *
   * @param {number} at
   */
  #indexAfter(at) {
    for (const id of this.#order.slice(at + 1)) {
      const index = this.#indexes.get(id);
      if (index !== undefined) return index;
    }
    return Number.NaN;
  }

  // What is there

  /**
   * `kept`: the index of an item that must be there, wherever it is. `isNew`: the items are. `isMoved`: nothing has
   * changed but what can be seen of them.
   *
   * @param {{ kept?: number, isNew?: boolean, isMoved?: boolean }} options
   */
  #draw({ kept, isNew = false, isMoved = false } = {}) {
    const viewTop = this.#viewTop;
    const listTop = this.#list.getBoundingClientRect().top;
    const anchor = listTop < viewTop ? this.#anchor(viewTop) : null;
    const offset = viewTop - (anchor ? anchor.top - this.#tops[anchor.index] : listTop);
    const [from, to] = (this.#range = this.#wanted(offset, MARGIN));
    const wanted = new Set(Array.from({ length: to - from }, (_, index) => from + index));
    // The next Tab goes on from the row with the focus, wherever that is.
    for (const at of [kept, this.focused?.index]) {
      if (at !== undefined) for (const each of [at - 1, at, at + 1]) if (this.#items[each]) wanted.add(each);
    }
    const indexes = [...wanted].sort((a, b) => a - b);
    const isKnown = (/** @type {number} */ at) => this.#heights.has(this.#items[at].id);
    const above = [...indexes, ...this.#order.map((id) => this.#indexes.get(id) ?? 0)];
    const isStill = isMoved && anchor && above.every((at) => at >= anchor.index || isKnown(at));
    this.#place(indexes, isNew);
    if (!anchor || isStill) return; // it need not be laid out to be asked where it is
    const moved = anchor.row.element.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 0.5) this.#scroller.scrollTop += moved;
  }

  /**
   * @param {readonly number[]} wanted
   * @param {boolean} isNew
   */
  #place(wanted, isNew) {
    const ids = new Set((this.#order = wanted.map((index) => this.#items[index].id)));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    const tops = this.#tops;
    const size = this.#complete ? this.#items.length : -1;
    let next = this.#list.firstElementChild;
    const passed = new Set(); // rows that have moved down
    let after = 0; // the index of what comes next without a gap
    for (const index of wanted) {
      const item = this.#items[index];
      const known = this.#rows.get(item.id);
      const row = known ?? this.#add(item);
      if (isNew || !known) {
        row.update(item, index, this.#items);
        set(row.element, { "aria-posinset": index + 1, "aria-setsize": size });
      }
      const gap = tops[index] - tops[after];
      if (known && !passed.has(row.element)) {
        for (; next && next !== row.element; next = next.nextElementSibling) passed.add(next);
        next = next?.nextElementSibling ?? null;
      } else this.#insert(row.element, next);
      // Not the first row's margin, which would be the list's.
      const isFirst = index === wanted[0];
      if (isFirst) style(this.#list, "padding-block-start", gap);
      style(row.element, "margin-block-start", isFirst ? 0 : gap);
      after = index + 1;
    }
    if (!wanted.length) style(this.#list, "padding-block-start", 0);
    style(this.#list, "padding-block-end", tops[this.#items.length] - tops[after]);
  }

  /**
   * The browser takes the focus from what moves.
   *
   * @param {Element} element
   * @param {Element | null} next
   */
  #insert(element, next) {
    const { activeElement } = /** @type {Document | ShadowRoot} */ (this.#list.getRootNode());
    const focused = element.contains(activeElement) ? activeElement : null;
    this.#list.insertBefore(element, next);
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }

  /** @param {Item} item */
  #add(item) {
    const row = this.#make(item);
    this.#rows.set(item.id, row);
    if (row.settle) settled(row.element, () => row.settle?.());
    return row;
  }

  /**
   * The index of what gets the focus of one that is gone: of the next that is left, else of the last before it.
   *
   * @param {readonly Item[]} before
   * @param {string} id
   */
  #heir(before, id) {
    const at = before.findIndex((item) => item.id === id);
    const left = [...before.slice(at + 1), ...before.slice(0, at).reverse()];
    return this.#indexes.get(left.find((item) => this.#indexes.has(item.id))?.id ?? "");
  }
}

/**
 * The first of so many for which it is so, as it is for all that follow; else `count`.
 *
 * @param {number} count
 * @param {(at: number) => boolean} isSo
 */
function first(count, isSo) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Browsers do not look whether it is what it was before.
 *
 * @param {Element} element
 * @param {Record<string, number>} attributes
 */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== `${value}`) element.setAttribute(name, `${value}`);
  }
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {number} pixels
 */
function style(element, name, pixels) {
  const value = pixels ? `${pixels}px` : "";
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}
