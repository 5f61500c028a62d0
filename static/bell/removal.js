/** Notifications that are hidden at once and removed in a while, unless that is undone. */

/**
 * `items`: where they are hidden. `remove(ids)`: promises to remove them. `changed()`: others are shown now.
 * What is given back is described as `Removal` in eventide-bell.d.ts.
 */
export function removal(ids, wait, { items, remove, changed }) {
  let timer = 0;
  let settle;
  const end = (then) => () => {
    clearTimeout(timer);
    const mine = ids.filter((id) => items.hiddenBy(id) === soon);
    if (mine.length) then(mine);
    settle();
  };
  const show = (mine) => {
    items.show(mine);
    changed();
  };
  const soon = {
    done: new Promise((resolve) => (settle = resolve)),
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
