/** What all parts of the page need of the document. */

import { button, h } from "./dom.js";
import { refusal } from "./access.js";
import { dateTime, zoned } from "./words.js";

/** @param {string} id @returns {HTMLElement} */
export const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** For screen readers, whose users do not see what changes elsewhere. @param {string} text */
export const say = (text) => void ($("spoken").textContent = text);

/** @param {string} text */
export function showError(text) {
  $("notice-text").textContent = text;
  $("notice").hidden = !text;
  $("notice").classList.remove("mild");
}

/** What has been done, to be seen and heard. @param {string} text */
export function showDone(text) {
  showError(text);
  $("notice").classList.add("mild");
}

/** Run what the operator asked for; if it fails, say why. @param {() => Promise<void>} action */
export async function attempt(action) {
  try {
    showError("");
    await action();
  } catch (problem) {
    showError(refusal(problem) ?? (problem instanceof Error ? problem.message : String(problem)));
  }
}

/** An id is any text; a dot alone would be another address. @param {string} id */
export const inPath = (id) => encodeURIComponent(id);

/** A field with its label; `input` has an id. @param {string} text @param {HTMLElement} input @param {string} [hint] */
export function labelled(text, input, hint) {
  const label = h("label", { for: input.id }, text);
  if (!hint) return h("div", { class: "labelled" }, label, input);
  input.setAttribute("aria-describedby", `${input.id}-hint`);
  return h("div", { class: "labelled" }, label, input, h("p", { class: "about", id: `${input.id}-hint` }, hint));
}

/**
 * A form that does not leave the page. What fails of it is said at its end, and what was wrong in a field at the field.
 *
 * @param {Record<string, string>} attributes
 * @param {(form: HTMLFormElement) => Promise<string>} submit resolves to what to say
 * @param {(Node | string)[]} children
 */
export function form(attributes, submit, ...children) {
  const said = h("p", { class: "said", role: "status" });
  let busy = false;
  const element = h("form", { ...attributes, novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    element.setAttribute("aria-busy", "true");
    for (const field of element.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    try {
      said.textContent = await submit(element);
      said.classList.remove("wrong");
    } catch (problem) {
      said.textContent = refusal(problem) ?? told(problem);
      said.classList.add("wrong");
      markWrong(element, problem);
    } finally {
      busy = false;
      element.removeAttribute("aria-busy");
    }
  } }, ...children, said);
  return element;
}

/** @param {any} problem */
function told(problem) {
  const errors = problem.errors ?? [];
  return errors.length ? errors.map((/** @type {any} */ { field, message }) => `${field}: ${message}`).join("; ") : problem.message;
}

/** @param {HTMLFormElement} element @param {any} problem */
function markWrong(element, problem) {
  /** @type {any[]} */
  const fields = (problem.errors ?? []).map((/** @type {any} */ { field }) => element.elements.namedItem(field.split(".")[0]));
  const wrong = fields.filter((field) => field?.focus);
  for (const field of wrong) field.setAttribute("aria-invalid", "true");
  wrong[0]?.focus();
}

/**
 * A form that opens what has this id.
 *
 * @param {{ id: string, label: string, hint: string, value?: string }} about
 * @param {string} view which is opened, with the id
 */
export function finder({ id, label, hint, value = "" }, view) {
  const input = h("input", { id, name: "id", value, autocomplete: "off", spellcheck: "false", dir: "auto", "aria-describedby": `${id}-hint` });
  return form({ class: "panel find", role: "search" }, async (element) => {
    const wanted = valueOf(element, "id");
    if (!wanted) throw Object.assign(new Error(), { errors: [{ field: "id", message: "is needed" }] });
    location.hash = `${view}/${inPath(wanted)}`;
    return "";
  }, labelled(label, input), h("button", { type: "submit", class: "primary" }, "Open"), h("p", { class: "about", id: `${id}-hint` }, hint));
}

/** The text of a field, without spaces around it. @param {HTMLFormElement} element @param {string} name */
export const valueOf = (element, name) => /** @type {any} */ (element.elements.namedItem(name)).value.trim();

/**
 * A table, whose rows are cards where it is narrow. Roles are said, for browsers forget them with the display.
 *
 * @param {string} label
 * @param {string[]} head
 * @param {(Node | string)[][]} rows
 */
export function table(label, head, rows) {
  const row = (/** @type {(Node | string)[]} */ cells) =>
    h("tr", { role: "row" }, ...cells.map((cell, index) => h("td", { role: "cell", "data-label": head[index] }, cell)));
  const names = head.map((name) => h("th", { role: "columnheader", scope: "col" }, name));
  return h("table", { role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...names)),
    h("tbody", { role: "rowgroup" }, ...rows.map(row)));
}

/**
 * Ask before something is done that cannot be undone by the next click. Resolves to whether to do it.
 *
 * @param {{ title: string, text: string, yes: string, danger?: boolean, type?: string }} about `type`: what has to be
 *   typed first
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, danger = false, type }) {
  const { promise, resolve } = withResolver();
  const input = h("input", { id: "confirm-typed", autocomplete: "off", spellcheck: "false" });
  const go = h("button", { type: "submit", class: danger ? "primary danger" : "primary" }, yes);
  const ready = () => go.setAttribute("aria-disabled", String(type !== undefined && input.value.trim() !== type));
  input.addEventListener("input", ready);
  ready();
  const dialog = h("dialog", { class: "panel", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text", onclose: () => {
    dialog.remove();
    resolve(dialog.returnValue === "yes");
  } },
    h("h2", { id: "confirm-title" }, title),
    h("p", { id: "confirm-text" }, text),
    h("form", { novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      if (go.getAttribute("aria-disabled") !== "true") dialog.close("yes");
    } },
      ...(type === undefined ? [] : [labelled(`Type ${type} to go on`, input)]),
      h("div", { class: "buttons" }, go, button({ class: "quiet", onclick: () => dialog.close("") }, "Cancel")),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

function withResolver() {
  /** @type {(value: boolean) => void} */
  let resolve = () => {};
  /** @type {Promise<boolean>} */
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

/** A moment; with its time zone where the pointer rests. @param {string} at */
export const time = (at) => h("time", { datetime: at, title: zoned(at) }, dateTime(at));

/** A link to a user's page. @param {string} user */
export const userLink = (user) => h("a", { href: `#users/${inPath(user)}` }, h("bdi", {}, user));

/** A link to the timeline of a notification. @param {string} id @param {string} text */
export const itemLink = (id, text) => h("a", { href: `#notifications/${inPath(id)}` }, h("bdi", {}, text));
