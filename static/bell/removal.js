/** Notifications that are hidden at once and removed in a while, unless that is undone. */

/** @import { Removal } from "../eventide-bell.js" */
/** @import { Items } from "./items.js" */

/**
 * @param {readonly string[]} ids
 * @param {number} wait milliseconds
 * @param {{
 *   items: Items,
 *   remove: (ids: string[]) => Promise<unknown>,
 *   changed: () => void,
 * }} options `items`: where they are hidden. `changed`: others are shown now.
 * @returns {Removal}
 */
export function removal(ids, wait, { items, remove, changed }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const { promise: done, resolve: settle } = decided();
  const end = (/** @type {(mine: string[]) => void} */ then) => () => {
    clearTimeout(timer);
    const mine = ids.filter((id) => items.hiddenBy(id) === soon);
    if (mine.length) then(mine);
    settle();
  };
  const show = (/** @type {string[]} */ mine) => {
    items.show(mine);
    changed();
  };
  /** @type {Removal} */
  const soon = {
    done,
    undo: end(show),
    now: end((mine) => {
      items.hide(mine, null); // until it is gone; what could not be removed is back
      remove(mine).finally(() => show(mine));
    }),
    hold: () => clearTimeout(timer),
    go() {
      clearTimeout(timer);
      timer = setTimeout(soon.now, wait);
    },
  };
  items.hide(ids, soon);
  soon.go();
  changed();
  return soon;
}

/** A promise, and what keeps it. */
function decided() {
  let resolve = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((keep) => (resolve = keep));
  return { promise, resolve };
}
