/** Where the panel is: below the bell, or above it where there is more room. */

const EDGE = 8;

/**
 * @param {HTMLElement} panel
 * @param {HTMLElement} bell
 * @param {boolean} rightToLeft
 */
export function place(panel, bell, rightToLeft) {
  const { clientWidth, clientHeight } = document.documentElement;
  const at = bell.getBoundingClientRect();
  const width = panel.offsetWidth;
  const start = rightToLeft ? at.left : at.right - width;
  const below = clientHeight - at.bottom - 2 * EDGE;
  const above = at.top - 2 * EDGE;
  const under = below >= Math.min(320, above);
  panel.style.left = `${Math.max(EDGE, Math.min(start, clientWidth - EDGE - width))}px`;
  panel.style.top = under ? `${at.bottom + EDGE}px` : "auto";
  panel.style.bottom = under ? "auto" : `${clientHeight - at.top + EDGE}px`;
  panel.style.setProperty("--_room", `${Math.max(under ? below : above, 160)}px`);
}
