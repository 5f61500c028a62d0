/** Elements are made one by one, so that no text is ever parsed as HTML. */

/** An element: attributes by name, listeners as functions by `on…`, children as elements or text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export const button = (attributes, ...children) => h("button", { type: "button", ...attributes }, ...children);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put it above all else on the page, or back; where a browser cannot, `position: fixed` has to do. */
export function onTop(popover, on) {
  if (popover.isConnected) popover.togglePopover?.(on);
}

/** Whether the focus is on it or within; unlike `:focus-within` also while another window has the keyboard. */
export function hasFocus(element) {
  const { activeElement } = element.getRootNode();
  return Boolean(activeElement) && element.contains(activeElement);
}
