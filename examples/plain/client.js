/** The signed-in user's notifications: what was there by REST, what comes over the stock Socket.IO client. */

import { getToken, service } from "./session.js";

const { io } = await import(`${service}/socket.io/socket.io.esm.min.js`);

const STATES = { live: "Live", offline: "Offline, trying again", refused: "Not connected" };
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const $ = (id) => document.getElementById(id);
const headers = {}; // of the socket and of REST
const shown = new Map(); // notifications by id: one that comes again is shown once
const rows = new Map(); // their elements, likewise

// Showing

function showState(state) {
  $("state").dataset.state = state;
  $("state").textContent = STATES[state];
  $("again").hidden = state !== "refused";
}

/** Counts are the server's: they are never added up here. */
function showCount({ unreadCount }) {
  $("count").textContent = `${unreadCount} unread`;
  $("count").hidden = !unreadCount;
}

function add(...notifications) {
  for (const item of notifications) shown.set(item.id, item);
  render();
}

/** Make the rows what is to be shown. Those that are there stay, so that the focus does, and only news is spoken. */
function render() {
  const items = [...shown.values()].sort((one, other) => (one.id < other.id ? 1 : -1)); // newest first
  for (const [id, row] of rows) {
    if (shown.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  items.forEach((item, index) => {
    const row = rows.get(item.id) ?? create(item);
    update(row, item);
    const there = $("list").children[index];
    if (there !== row) $("list").insertBefore(row, there);
  });
  $("empty").hidden = items.length > 0;
}

function create(item) {
  const row = $("row").content.cloneNode(true).firstElementChild;
  const find = (selector) => row.querySelector(selector);
  find(".message").textContent = item.message; // as text: nothing in it is HTML
  find("time").dateTime = item.createdAt;
  find("time").textContent = TIME.format(new Date(item.createdAt));
  find(".read").addEventListener("click", () => call("PUT", `/notifications/${item.id}/read`));
  find(".delete").addEventListener("click", () => {
    call("DELETE", `/notifications/${item.id}`);
    $("list").focus(); // the button goes
  });
  rows.set(item.id, row);
  return row;
}

function update(row, { read, status }) {
  row.classList.toggle("unread", !read);
  row.querySelector(".status").textContent = status.toLowerCase();
  row.querySelector(".read").textContent = read ? "Read" : "Mark as read";
  row.querySelector(".read").ariaDisabled = read;
}

// REST

async function call(method, path) {
  try {
    const answer = await fetch(`${service}/v1${path}`, { method, headers });
    const body = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) throw new Error(body.detail);
    $("problem").textContent = "";
    return body;
  } catch (error) {
    $("problem").textContent = error.message;
  }
}

/** Make the list what the server has now. What comes by itself meanwhile stays. */
async function refresh() {
  const before = [...shown.keys()];
  const page = await call("GET", "/notifications?limit=50");
  if (!page) return;
  for (const id of before) shown.delete(id);
  add(...page.notifications);
}

// The socket

headers.Authorization = `Bearer ${await getToken()}`;
// Browsers send headers with requests, and with no WebSocket: so it starts by polling, which is the default.
const socket = io(service, { extraHeaders: headers });
let tokenIsNew = true;

socket.on("connect", () => {
  $("problem").textContent = "";
  tokenIsNew = false;
  showState("live");
  refresh();
});
socket.on("disconnect", () => showState(socket.active ? "offline" : "refused"));
socket.on("connect_error", (error) => {
  // Active: the network has failed, and the client tries again by itself. Otherwise the server has said no.
  if (socket.active) return showState("offline");
  if (!tokenIsNew) return connectAgain();
  showState("refused");
  $("problem").textContent = error.message;
});

/** With another token. The client has been given `headers`, and reads them with each request. */
async function connectAgain() {
  headers.Authorization = `Bearer ${await getToken().catch(() => "")}`;
  tokenIsNew = true;
  socket.connect();
}
$("again").addEventListener("click", connectAgain);

socket.on("connected", showCount);
socket.on("unread_count", showCount);
socket.on("new_notification", (notification) => add(notification));
socket.on("pending_notifications", (missed) => add(...missed));
socket.on("announcement", (announcement) => add(announcement));
socket.on("notification_read", ({ ids, upTo }) => {
  for (const [id, item] of shown) {
    if (ids ? ids.includes(id) : upTo && id <= upTo) shown.set(id, { ...item, read: true, status: "READ" });
  }
  render();
});
socket.on("notification_deleted", ({ ids }) => {
  for (const id of ids) shown.delete(id);
  render();
});
