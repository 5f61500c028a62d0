/** The list on the page. Whatever a notification says is text: nothing of it is ever parsed as HTML. */

const SHADES = 6;
const LONG = 420;
const STATUS = { PENDING: "Pending", DELIVERED: "Delivered", READ: "Read" };
const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const spoken = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "now", "42 seconds ago", "yesterday". A server whose clock is ahead is not in the future. */
export function ago(time, now = Date.now()) {
  if (Number.isNaN(time.getTime())) return "";
  const seconds = Math.max(0, Math.round((now - time) / 1000));
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return spoken.format(seconds < 5 ? 0 : -Math.floor(seconds / size), unit);
}

/** Where a link leads: a URL when it is relative, http or https, otherwise null. */
export function safeUrl(link) {
  try {
    const url = new URL(link, document.baseURI);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** "NEW_COMMENT" is shown as "New comment". */
const readable = (type) => type.charAt(0) + type.slice(1).toLowerCase().replaceAll("_", " ");

/** The same type always has the same shade. */
const shade = (type) => [...type].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) % SHADES;

export class ListView {
  #list;
  #template;
  #rows = new Map();

  constructor(list, template) {
    this.#list = list;
    this.#template = template;
  }

  /** Show these, in this order. Rows stay the same elements, so focus and selection stay where they are. */
  render(items) {
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
      if (row.item !== item) fill(row, item);
      if (row === place) place = row.nextElementSibling;
      else this.#list.insertBefore(row, place);
    }
    focus?.focus();
  }

  /** Let the clocks go on. */
  tick() {
    for (const time of this.#list.querySelectorAll("time")) setText(time, ago(new Date(time.dateTime)));
  }

  #add(id) {
    const row = this.#template.content.firstElementChild.cloneNode(true);
    row.dataset.id = id;
    this.#rows.set(id, row);
    return row;
  }

  /** What gets the focus of a row that goes: the same button of the next row, else of the one before, else the list. */
  #neighbour(row, wanted) {
    const rows = [...this.#list.children];
    const at = rows.indexOf(row);
    const next = [...rows.slice(at + 1), ...rows.slice(0, at).reverse()].find((each) => wanted.has(each.dataset.id));
    return next ? next.querySelector("[data-action=delete]") : this.#list;
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(row, item) {
  const part = (name) => row.querySelector(`[data-part=${name}]`);
  const isNew = row.item === undefined;
  row.item = item;
  const unread = !item.read && !item.passing;
  row.classList.toggle("unread", unread);
  row.dataset.shade = shade(item.type);
  if (isNew) {
    const announcement = item.userId === undefined;
    row.classList.toggle("announcement", announcement);
    setText(part("type"), announcement ? `Announcement · ${readable(item.type)}` : readable(item.type));
    setText(part("title"), item.title);
    part("title").hidden = !item.title;
    setText(part("message"), item.message);
    row.classList.toggle("long", item.message.length > LONG || item.message.split("\n").length > 6);
    part("letter").textContent = [...(item.title || item.type)][0].toUpperCase();
    showAvatar(part("avatar"), item.avatar);
    showLink(part("link"), item.link);
    const time = row.querySelector("time");
    time.dateTime = item.createdAt;
    time.title = new Date(item.createdAt).toLocaleString();
    setText(time, ago(new Date(item.createdAt)));
    const name = (item.title || item.message).slice(0, 60);
    row.querySelector("[data-action=read]").setAttribute("aria-label", `Mark as read: ${name}`);
    row.querySelector("[data-action=delete]").setAttribute("aria-label", `Delete: ${name}`);
  }
  part("mark").hidden = !unread;
  part("replayed").hidden = !item.replayed;
  setText(part("status"), item.passing ? "Not saved" : (STATUS[item.status] ?? item.status));
  const button = row.querySelector("[data-action=read]");
  // A button that disappears under the focus would send a keyboard's user back to the top of the page.
  if (!unread && button === document.activeElement) row.querySelector("[data-action=delete]").focus();
  button.hidden = !unread;
}

function showAvatar(image, address) {
  const url = address && safeUrl(address);
  if (!url) return;
  image.hidden = false;
  image.onerror = () => image.remove(); // the letter is behind it
  image.src = url.href;
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
