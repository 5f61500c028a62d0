/** Keyboard shortcuts: which key does what, and the sheet that lists them. */

import { button, h } from "./dom.js";

/** What each shortcut does, by the names that `strings.keys` has, and its keys as `keyOf` names them. */
export const SHORTCUTS = {
  next: ["j", "ArrowDown"],
  previous: ["k", "ArrowUp"],
  first: ["Home"],
  last: ["End"],
  open: ["o", "Enter"],
  read: ["u"],
  archive: ["e"],
  remove: ["#", "Delete"],
  undo: ["z", "Mod+z"],
  select: ["x"],
  selectAll: ["Mod+a"],
  extendNext: ["Shift+j", "Shift+ArrowDown"],
  extendPrevious: ["Shift+k", "Shift+ArrowUp"],
  clear: ["Escape"],
  search: ["/"],
  help: ["?"],
};

const BY_KEY = new Map(Object.entries(SHORTCUTS).flatMap(([name, keys]) => keys.map((key) => [key, name])));
const MOD = /mac|ip(hone|ad)/i.test(navigator.platform) ? "⌘" : "Ctrl";
const NAMES = { ArrowDown: "↓", ArrowUp: "↑", Mod: MOD, Escape: "Esc" };
const OFF = "eventide.inbox.no-single-keys";

/** "Mod+z", "Shift+ArrowDown", "j". With signs Shift does not count: which of them need it depends on the keyboard. */
function keyOf({ key, ctrlKey, metaKey, shiftKey }) {
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  const shift = shiftKey && (isLetter || key.length > 1) ? "Shift+" : "";
  return `${ctrlKey || metaKey ? "Mod+" : ""}${shift}${isLetter ? key.toLowerCase() : key}`;
}

const isSingle = (key) => /^(Shift\+)?.$/u.test(key);

let off = null; // where a browser keeps nothing for us, until the page is left

function usesSingleKeys() {
  try {
    return localStorage.getItem(OFF) === null;
  } catch {
    return off === null;
  }
}

/**
 * The name of the shortcut that this key stands for here, if any.
 *
 * In a field keys are text. On what can be pressed, Enter presses it.
 */
export function shortcutOf(event) {
  const { target, isComposing, altKey } = event;
  if (isComposing || altKey || event.defaultPrevented) return undefined;
  const key = keyOf(event);
  if (isSingle(key) && !usesSingleKeys()) return undefined;
  if (target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) return undefined;
  if (target.matches("[type=radio]") && key.startsWith("Arrow")) return undefined;
  if (key === "Enter" && target.matches("a, button, summary, input")) return undefined;
  return BY_KEY.get(key);
}

/** A dialog with all shortcuts, which a reader can turn off as far as they are single keys. */
export function helpSheet(say) {
  const keys = (name) => SHORTCUTS[name].flatMap((key, at) => [...(at ? [` ${say("keyOr")} `] : []), shown(key)]);
  const row = (name) => h("div", {}, h("dt", {}, say("keys")[name]), h("dd", {}, ...keys(name)));
  const rows = Object.keys(SHORTCUTS).map(row);
  const single = h("input", { type: "checkbox", onchange: () => turn(single.checked) });
  const outside = (event) => event.target === sheet && sheet.close();
  const sheet = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "eventide-inbox-keys", onclick: outside },
    h("h2", { id: "eventide-inbox-keys" }, say("help")),
    h("dl", {}, ...rows),
    h("label", { class: "single" }, single, say("singleKeys")),
    button({ class: "quiet", autofocus: true, onclick: () => sheet.close() }, say("close")),
  );
  return { sheet, open: () => {
    single.checked = usesSingleKeys();
    sheet.showModal();
  } };
}

const nameOf = (key) =>
  key.split("+").map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" + ");

const shown = (key) => h("kbd", {}, nameOf(key));

/** What the key for undo is called that always works. */
export const UNDO_KEY = nameOf("Mod+z");

function turn(on) {
  off = on ? null : "1";
  try {
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, off);
  } catch {
    // This page remembers it.
  }
}
