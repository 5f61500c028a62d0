/** Elements, made one by one: nothing that a notification or a user's name says is ever parsed as HTML. */

/** @typedef {Record<string, string | number | boolean | ((event: any) => void)>} Attributes */

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
    else if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export const button = (attributes, ...children) => h("button", { type: "button", ...attributes }, ...children);

/**
 * Only what changed is written, so that a selection stays and nothing is read out again.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
