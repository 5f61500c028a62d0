/** Icons, and the picture of a notification. */

import { h } from "./dom.js";
import { safeUrl } from "./text.js";

/** @import { Notification } from "../eventide-bell.js" */

const ICONS = {
  bell: "M6 10a6 6 0 0 1 12 0c0 4.500 1.800 5.600 1.800 6.800H4.200C4.200 15.600 6 14.500 6 10M10 20a2 2 0 0 0 4 0",
  check: "m5 12.500 4.500 4.500L19 7.500",
  checks: "m2.500 12.500 4.500 4.500L16 7.500M12 16l1 1 9-9.500",
  cross: "M6.500 6.500l11 11M17.500 6.500l-11 11",
  bin: "M5 7h14M10 7V5h4v2M7 7l.8 12h8.400L17 7M10.500 10.500v5M13.500 10.500v5",
  letter: "M4 6.500h16v11H4zM4 7.500l8 6 8-6",
  archive: "M4 5.500h16v4H4zM5.500 9.500v9h13v-9M10 13h4",
  outbox: "M12 13.500V4.500M8.500 8 12 4.500 15.500 8M4.500 13.500v5.500h15v-5.500",
  screen: "M4 5.500h16v10.500H4zM9 19.500h6M12 16v3.500",
  horn: "M4 10v4h3l9 4.500v-13L7 10zM19 9.500c.9 1.600.9 3.400 0 5",
  comment: "M5 5.500h14v9.500h-7.500L8 18.500V15H5z",
  mention: "M15.500 12a3.500 3.500 0 1 1-7 0 3.500 3.500 0 0 1 7 0zm0 0c0 3.600 4 3 4-.5a7.600 7.600 0 1 0-3 6",
  heart: "M12 19s-7-4.300-7-9.300a3.700 3.700 0 0 1 7-1.700 3.700 3.700 0 0 1 7 1.700c0 5-7 9.300-7 9.300z",
  person: "M12 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM5 19.500c.6-3.500 3.200-5 7-5s6.400 1.500 7 5",
  box: "M4.500 8 12 4l7.500 4v8L12 20l-7.500-4zM4.500 8l7.500 4 7.500-4M12 12v8",
  card: "M4 6.500h16v11H4zM4 10.500h16M7 14.500h3",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4.500l3 1.800",
  warning: "M12 4.500 20.500 19h-17zM12 10v4M12 16.400v.2",
  shield: "M12 4l7 2.500c0 6-2.500 10.500-7 13.500-4.500-3-7-7.500-7-13.500z",
  page: "M7 4h7l4 4v12H7zM14 4v4h4M10 12h5M10 15.500h5",
};

/** @typedef {keyof typeof ICONS} Icon */

/** @type {[RegExp, Icon][]} */
const KINDS = [
  [/MENTION/, "mention"],
  [/COMMENT|MESSAGE|REPLY|CHAT/, "comment"],
  [/LIKE|REACTION|FAVO/, "heart"],
  [/SECUR|LOGIN|PASSWORD|SIGN_?IN/, "shield"],
  [/WARN|ALERT|ERROR|FAIL|INCIDENT/, "warning"],
  [/FOLLOW|USER|MEMBER|INVIT|FRIEND|PROFILE/, "person"],
  [/ORDER|SHIP|DELIVER|PARCEL/, "box"],
  [/PAY|INVOICE|BILL|REFUND/, "card"],
  [/REMIND|EVENT|CALENDAR|DUE|SCHEDULE/, "clock"],
  [/REPORT|FILE|DOC|EXPORT/, "page"],
];
const SHADES = 6;
const PICTURES = 100; // that are kept, for there may be any number of types

/** @type {Map<Icon, SVGElement>} */
const made = new Map();

/** @param {Icon} name */
export function icon(name) {
  const known = made.get(name) ?? make(name); // a copy is made faster
  made.set(name, known);
  return /** @type {SVGElement} */ (known.cloneNode(true));
}

/** @param {Icon} name */
function make(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** @type {Map<string | null, HTMLElement>} */
const pictures = new Map();

/** @param {string | null} type null for an announcement */
function picture(type) {
  const known = pictures.get(type) ?? draw(type);
  if (pictures.size < PICTURES) pictures.set(type, known);
  return /** @type {HTMLElement} */ (known.cloneNode(true));
}

/** @param {string | null} of */
function draw(of) {
  const type = (of ?? "").toUpperCase();
  const name = of === null ? "horn" : (KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? "bell");
  const shade = [...type].reduce((sum, letter) => (sum * 31 + Number(letter.codePointAt(0))) % 9973, 7) % SHADES;
  const looks = { class: "glyph", part: "glyph", "data-shade": of === null ? "announcement" : shade };
  return h("span", { ...looks, "aria-hidden": "true" }, icon(name));
}

/**
 * The avatar of a notification, or the icon of its type. The same type always has the same shade.
 *
 * @param {Notification} item
 */
export function glyph(item) {
  const element = picture(item.kind === "announcement" ? null : item.type);
  const url = item.avatar && safeUrl(item.avatar);
  if (url) {
    const image = h("img", { part: "avatar", alt: "", loading: "lazy", referrerpolicy: "no-referrer", src: url.href });
    image.addEventListener("error", () => image.remove()); // the icon is behind it
    element.append(image);
  }
  return element;
}
