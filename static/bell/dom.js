/** Elements are made one by one, so that no text is ever parsed as HTML. */

/** @typedef {Record<string, string | number | boolean | undefined | ((event: any) => void)>} Attributes */

/**
 * An element: attributes by name, listeners as functions by `on…`, children as elements or text.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * What gives a new element like the one that is made here, once: a copy is made faster.
 *
 * @template {Element} Kind
 * @param {() => Kind} make
 */
export function copied(make) {
  /** @type {Kind | undefined} */
  let known;
  return () => /** @type {Kind} */ ((known ??= make()).cloneNode(true));
}

/**
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export const button = (attributes, ...children) => h("button", { type: "button", ...attributes }, ...children);

/**
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Put it above all else on the page, or back; where a browser cannot, `position: fixed` has to do.
 *
 * @param {HTMLElement} popover
 * @param {boolean} on
 */
export function onTop(popover, on) {
  if (popover.isConnected) popover.togglePopover?.(on);
}

/**
 * Whether the focus is on it or within; unlike `:focus-within` also while another window has the keyboard.
 *
 * @param {Element} element
 */
export function hasFocus(element) {
  const { activeElement } = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  return Boolean(activeElement) && element.contains(activeElement);
}
