/** The notification centre: an `Inbox` with filters, a selection and pages. */

import { $, drawSoon, say, setText } from "./dom.js";
import { ago, glyph, Inbox, readable, safeUrl } from "./eventide-bell.js";
import { fetchDemo, pasted, REFUSALS } from "./rest.js";

const STATES = {
  connecting: () => "Connecting …",
  live: () => "Live",
  reconnecting: () => "Reconnecting …",
  offline: (since) => `Offline since ${since} · trying again`,
  refused: () => "Refused",
  closed: () => "Not connected",
};

const rows = new Map();
const picked = new Set();
const types = new Set();
let demo = null;
let inbox = null;
let anchor = null; // where a selection with Shift began
let removal = null;

// Showing

const showSoon = drawSoon(show);

function show() {
  const items = inbox?.items ?? [];
  showRows(items);
  showTypes(items);
  showSelection(items);
  showNothing(items);
  const count = inbox?.unreadCount;
  setText($("count"), count ? `${count} unread` : "");
  document.title = `${count ? `(${count}) ` : ""}Notifications · Eventide Notify`;
  $("older").hidden = !inbox?.hasOlder;
  setText($("shown"), items.length ? `${items.length} shown${inbox.hasOlder ? "" : ", that is all"}` : "");
}

function showState() {
  const state = inbox?.state ?? "closed";
  const since = inbox?.since?.toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
  document.body.dataset.state = state;
  setText($("state-text"), STATES[state](since));
  if (state === "refused") $("with-token").open = !demo;
  showProblem(state === "refused" ? (REFUSALS[inbox.code] ?? `The server refused the connection: ${inbox.code}`) : "");
}

function showProblem(text) {
  setText($("notice-text"), text);
  $("notice").hidden = !text;
}

/** Rows stay the same elements, so focus and selection stay where they are. */
function showRows(items) {
  const wanted = new Set(items.map((item) => item.id));
  const focus = focusAfter(wanted);
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    row.remove();
    rows.delete(id);
    picked.delete(id);
  }
  let place = $("list").firstElementChild;
  for (const item of items) {
    const row = rows.get(item.id) ?? addRow(item);
    if (row.item !== item) updateRow(row, item);
    if (row === place) place = place.nextElementSibling;
    else $("list").insertBefore(row, place);
  }
  focus?.focus();
}

/** What gets the focus when its row goes: the next one's box, else the one's before, else the list. */
function focusAfter(wanted) {
  const row = document.activeElement.closest("#list > li");
  if (!row || wanted.has(row.item.id)) return null;
  const all = [...$("list").children];
  const at = all.indexOf(row);
  const next = [...all.slice(at + 1), ...all.slice(0, at).reverse()].find((each) => wanted.has(each.item.id));
  return next ? next.querySelector("input") : $("list");
}

function addRow(item) {
  const row = $("row").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`[data-part=${name}]`);
  row.querySelector(".pick span").textContent = `Select: ${(item.title || item.message).slice(0, 60)}`;
  row.querySelector(".place").append(glyph(item));
  part("title").textContent = item.title;
  part("title").hidden = !item.title;
  part("message").textContent = item.message;
  part("type").textContent = item.kind === "announcement" ? "Announcement" : readable(item.type);
  if (item.link) showLink(part("link"), item);
  const time = row.querySelector("time");
  time.dateTime = item.createdAt;
  time.title = new Date(item.createdAt).toLocaleString();
  time.textContent = ago(item.createdAt);
  rows.set(item.id, row);
  return row;
}

function showLink(place, item) {
  const url = safeUrl(item.link);
  const element = document.createElement(url ? "a" : "span");
  element.textContent = item.link;
  if (url) {
    element.href = url.href;
    element.addEventListener("click", () => inbox.markRead([item.id]));
    if (url.origin !== location.origin) Object.assign(element, { rel: "noopener noreferrer", target: "_blank" });
  }
  place.append(element);
  place.hidden = false;
}

function updateRow(row, item) {
  row.item = item;
  const unread = !item.read && item.stored !== false;
  row.classList.toggle("is-unread", unread);
  row.querySelector("[data-part=mark]").hidden = !unread;
}

function showTypes(items) {
  for (const { type } of items) {
    if (types.has(type)) continue;
    types.add(type);
    const after = [...$("type").options].slice(1).find((option) => option.value > type) ?? null;
    $("type").add(new Option(readable(type), type), after);
  }
}

function showSelection(items) {
  for (const [id, row] of rows) row.querySelector("input").checked = picked.has(id);
  setText($("selected"), picked.size ? `${picked.size} selected` : "Select all");
  $("all").checked = picked.size > 0 && picked.size === items.length;
  $("all").indeterminate = picked.size > 0 && picked.size < items.length;
  $("read").setAttribute("aria-disabled", !items.some((item) => picked.has(item.id) && !item.read));
  $("delete").setAttribute("aria-disabled", !picked.size);
}

function showNothing(items) {
  const { unread, type } = inbox?.filter ?? {};
  const [lead, hint] = !inbox
    ? ["Who are you?", "Paste a token above: your application’s, or one that eventide-notify token --user 42 prints."]
    : inbox.problem
      ? ["The notifications could not be loaded", inbox.problem.message]
      : unread || type
        ? [unread ? "Nothing unread" : "None of this type", "Choose another filter to see more."]
        : ["All quiet", "What arrives for you appears here at once."];
  $("nothing").hidden = items.length > 0 || (inbox && !inbox.loaded && !inbox.problem);
  setText($("nothing-lead"), lead);
  setText($("nothing-hint"), hint);
}

// Selecting

const order = () => [...$("list").children];

function pick(row, on, range) {
  const all = order();
  const from = range && anchor && all.includes(anchor) ? all.indexOf(anchor) : all.indexOf(row);
  const to = all.indexOf(row);
  for (const each of all.slice(Math.min(from, to), Math.max(from, to) + 1)) {
    if (on) picked.add(each.item.id);
    else picked.delete(each.item.id);
  }
  if (!range) anchor = row;
  showSoon();
}

function pickAll(on) {
  picked.clear();
  if (on) for (const { id } of inbox?.items ?? []) picked.add(id);
  showSoon();
}

$("list").addEventListener("click", (event) => {
  const box = event.target.closest("input");
  if (box) pick(box.closest("li"), box.checked, event.shiftKey);
});

$("all").addEventListener("change", () => pickAll($("all").checked));

$("list").addEventListener("keydown", (event) => {
  const row = event.target.closest("li");
  const all = order();
  const at = all.indexOf(row);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined && all[to]) {
    if (event.shiftKey) {
      if (row && !picked.has(row.item.id)) pick(row, true, false);
      pick(all[to], true, true);
    }
    all[to].querySelector("input").focus();
  } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) pickAll(true);
  else if (event.key === "Delete") remove(picked.size ? [...picked] : row ? [row.item.id] : []);
  else if (event.key === "Escape" && picked.size) pickAll(false);
  else return;
  event.preventDefault();
});

// Doing

const isDisabled = (button) => button.getAttribute("aria-disabled") === "true";

$("read").addEventListener("click", async () => {
  if (isDisabled($("read"))) return;
  const ids = [...picked];
  if (await inbox.markRead(ids)) say(`${ids.length} marked as read`);
});

$("delete").addEventListener("click", () => isDisabled($("delete")) || remove([...picked]));

function remove(ids) {
  if (!ids.length) return;
  removal?.now();
  const mine = (removal = inbox.removeSoon(ids));
  const text = ids.length === 1 ? "Deleted" : `${ids.length} deleted`;
  setText($("undo-text"), text);
  say(text);
  $("undo").hidden = false;
  mine.done.then(() => {
    if (removal !== mine) return;
    if ($("undo").contains(document.activeElement)) ($("list").querySelector("input") ?? $("list")).focus();
    $("undo").hidden = true;
    removal = null;
  });
}

$("undo-button").addEventListener("click", () => removal?.undo());
const stays = { pointerenter: "hold", focusin: "hold", pointerleave: "go", focusout: "go" };
for (const [event, action] of Object.entries(stays)) {
  $("undo").addEventListener(event, () => removal?.[action]());
}

$("older").addEventListener("click", async () => {
  if ($("older").ariaBusy === "true") return;
  $("older").ariaBusy = "true";
  const before = inbox.items.length;
  await inbox.loadOlder();
  $("older").ariaBusy = "false";
  say(`${inbox.items.length - before} older loaded`);
  if (!inbox.hasOlder) $("list").focus(); // the button goes
});

$("filters").addEventListener("change", () => {
  const { which, type } = $("filters").elements;
  picked.clear();
  inbox?.setFilter({ unread: which.value === "unread", type: type.value });
});
$("filters").addEventListener("submit", (event) => event.preventDefault());

$("again").addEventListener("click", () => inbox.retry());

// Who

function begin(getToken, label = "") {
  removal?.now();
  inbox?.close();
  picked.clear();
  $("filters").reset();
  for (const button of $("users").children) button.setAttribute("aria-pressed", button.dataset.label === label);
  const mine = (inbox = new Inbox({ getToken }));
  const listen = (type, listener) => mine.addEventListener(type, (event) => mine === inbox && listener(event.detail));
  listen("change", showSoon);
  listen("unread", showSoon);
  listen("state", showState);
  listen("problem", ({ problem }) => mine.state === "refused" || showProblem(problem.message)); // that says more
  listen("notification", ({ notification, replayed }) => {
    if (!replayed) say(`New: ${notification.title || notification.message}`);
  });
  mine.start();
  showSoon();
}

function beginAs({ id, name }) {
  history.replaceState(null, "", `#${id}`); // a reload, or a copy of the address, is the same user
  begin(async () => (await fetchDemo()).users.find((user) => user.id === id).token, name);
}

function beginWithToken() {
  const token = $("token").value.trim().replace(/^Bearer\s+/i, "");
  pasted.set(token);
  if (!token) return show();
  $("with-token").open = false; // and open again if it is refused
  begin(() => token);
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  beginWithToken();
  $("with-token").firstElementChild.focus();
});

const userOfAddress = () => demo?.users.find(({ id }) => `#${id}` === location.hash);

window.addEventListener("hashchange", () => userOfAddress() && beginAs(userOfAddress()));

async function start() {
  setInterval(() => {
    for (const time of $("list").querySelectorAll("time")) setText(time, ago(time.dateTime));
  }, 1000);
  showState();
  $("token").value = pasted.get();
  demo = await fetchDemo().catch(() => null);
  $("with-token").open = !demo && !pasted.get();
  for (const user of demo?.users ?? []) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: user.name, onclick: () => beginAs(user) });
    button.dataset.label = user.name;
    $("users").append(button);
  }
  $("demo-users").hidden = !demo;
  if (demo) beginAs(userOfAddress() ?? demo.users[0]);
  else beginWithToken();
}

start();
