/** What is done for elements that stay in the page: not for those that are only scrolled past, or gone with a burst. */

// Milliseconds
const STAYED = 300;
const NEXT = 16;

const AT_ONCE = 8; // elements: the page stays responsive

/** @type {Set<{ element: Element, since: number, act: () => void }>} */
const waiting = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Do this when the element has been in the page for a moment, unless it has gone.
 *
 * @param {Element} element
 * @param {() => void} act
 */
export function settled(element, act) {
  waiting.add({ element, since: performance.now(), act });
  timer ??= setTimeout(look, STAYED);
}

function look() {
  const now = performance.now();
  let acted = 0;
  timer = undefined;
  for (const each of waiting) {
    if (now - each.since < STAYED || acted === AT_ONCE) {
      timer = setTimeout(look, Math.max(NEXT, each.since + STAYED - now));
      return;
    }
    waiting.delete(each);
    if (!each.element.isConnected) continue;
    each.act();
    acted += 1;
  }
}
