/** A list of notifications. Whatever a notification says is text: nothing of it is ever parsed as HTML. */

import { clone, partsOf, setText } from "./dom.js";
import { ago, glyph, readable, safeUrl } from "./eventide-bell.js";
import { serverTime } from "./server-clock.js";

const STATUS = { PENDING: "Pending", DELIVERED: "Delivered", READ: "Read" };
export class NotificationList {
  #list;
  #rows = new Map();

  /** `list`: an `<ol>`. `act(action, id)`: what to do when "read", "remove" or "follow" is wanted. */
  constructor(list, act) {
    this.#list = list;
    list.addEventListener("click", (event) => {
      const { action } = event.target.closest("[data-action]")?.dataset ?? {};
      if (action) act(action, event.target.closest("li").dataset.id);
    });
  }

  /** Show these, in this order; those whose ids are in `replayed` came later than they were sent. Rows stay the same elements, so focus and selection stay where they are. */
  render(items, replayed) {
    const wanted = new Set(items.map((item) => item.id));
    let focus = null;
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      if (row.contains(document.activeElement)) focus = this.#neighbour(row, wanted);
      row.remove();
      this.#rows.delete(id);
    }
    let place = this.#list.firstElementChild;
    for (const item of items) {
      const row = this.#rows.get(item.id) ?? this.#add(item.id);
      if (row.item !== item) fill(row, item, replayed.has(item.id));
      if (row === place) place = row.nextElementSibling;
      else this.#list.insertBefore(row, place);
    }
    focus?.focus();
  }

  /** Let the clocks go on. */
  tick() {
    for (const time of this.#list.querySelectorAll("time")) setText(time, ago(time.dateTime, serverTime()));
  }

  #add(id) {
    const row = clone("notification");
    row.dataset.id = id;
    this.#rows.set(id, row);
    return row;
  }

  /** What gets the focus of a row that goes: the same button of the next row, else of the one before, else the list. */
  #neighbour(row, wanted) {
    const rows = [...this.#list.children];
    const at = rows.indexOf(row);
    const next = [...rows.slice(at + 1), ...rows.slice(0, at).reverse()].find((each) => wanted.has(each.dataset.id));
    return next ? next.querySelector("[data-action=remove]") : this.#list;
  }
}

function fill(row, item, replayed) {
  const part = partsOf(row);
  const isNew = row.item === undefined;
  row.item = item;
  const unread = !item.read && item.stored !== false;
  row.classList.toggle("unread", unread);
  if (isNew) {
    const announcement = item.kind === "announcement";
    setText(part("type"), announcement ? `Announcement · ${readable(item.type)}` : readable(item.type));
    setText(part("title"), item.title);
    part("title").hidden = !item.title;
    setText(part("message"), item.message);
    row.prepend(glyph(item));
    showLink(part("link"), item.link);
    const time = row.querySelector("time");
    time.dateTime = item.createdAt;
    time.title = new Date(item.createdAt).toLocaleString();
    setText(time, ago(item.createdAt, serverTime()));
    const name = (item.title || item.message).slice(0, 60);
    row.querySelector("[data-action=read]").setAttribute("aria-label", `Mark as read: ${name}`);
    row.querySelector("[data-action=remove]").setAttribute("aria-label", `Delete: ${name}`);
  }
  part("mark").hidden = !unread;
  part("replayed").hidden = !replayed;
  setText(part("status"), item.stored === false ? "Not saved" : (STATUS[item.status] ?? item.status));
  const button = row.querySelector("[data-action=read]");
  // A button that disappears under the focus would send a keyboard's user back to the top of the page.
  if (!unread && button === document.activeElement) row.querySelector("[data-action=remove]").focus();
  button.hidden = !unread;
}

function showLink(place, link) {
  if (!link) return;
  place.hidden = false;
  const url = safeUrl(link);
  const element = document.createElement(url ? "a" : "span");
  element.textContent = link;
  if (url) {
    element.href = url.href;
    element.dataset.action = "follow";
    if (url.origin !== location.origin) Object.assign(element, { rel: "noopener noreferrer", target: "_blank" });
  } else {
    element.title = "Not followed: neither relative nor http(s)";
  }
  place.append(element);
}
