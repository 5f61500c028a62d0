/** The demo page: who is connected, what they are shown, and, in demo mode, sending to anybody. */

import { connect, loadSocketIo } from "./connection.js";
import { Feed } from "./feed.js";
import { fetchDemo, Identity, pasted } from "./rest.js";
import { ListView } from "./view.js";

const PAGE = 30;
const PAGE_MAX = 100; // the server's limit
const EVERYONE = "*";
const SAMPLES = [
  { title: "Bob commented on your photo", message: "“That green light is the pier, is it not?”", type: "NEW_COMMENT", link: "https://example.com/posts/1#comment-9" },
  { title: "Your report is ready", message: "October closed 4 % above September. The full report waits for you.", type: "REPORT", link: "" },
  { title: "Carol follows you", message: "Carol follows you now. You follow each other.", type: "NEW_FOLLOWER", link: "https://example.com/people/carol" },
  { title: "Low tide at 19:42", message: "The path to the island is open for two hours.", type: "REMINDER", link: "" },
];
const TRANSPORTS = { websocket: "WebSocket", polling: "long polling" };
const REFUSALS = {
  token_missing: "The server was sent no token.",
  token_expired: "The token has expired: paste a new one.",
  token_invalid: "The token is not valid on this server.",
  unavailable: "The server is full or stopping. It is tried again every few seconds.",
};

const $ = (id) => document.getElementById(id);
const view = new ListView($("list"), $("notification"));
let socketIo = null;
let demo = null;
let current = null; // whose list is shown; replaced as a whole, so that late answers for the one before are recognised

// Showing

function showState({ name, transport, since, code }) {
  const clock = since?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  document.body.dataset.state = name;
  $("state-text").textContent = {
    idle: "Not connected",
    connecting: "Connecting …",
    live: `Live · ${TRANSPORTS[transport] ?? transport}`,
    reconnecting: "Reconnecting …",
    offline: `Offline since ${clock} · trying again`,
    refused: `Refused · ${code}`,
    closed: "Closed by the server",
  }[name];
  $("toggle").textContent = name === "refused" ? "Try again" : isOff() ? "Connect" : "Disconnect";
  if (name === "refused") showError(REFUSALS[code] ?? `The server refused the connection: ${code}`);
  if (name === "refused" && current.byToken) $("with-token").open = true;
  if (current) current.live = name === "live";
}

const isOff = () => ["idle", "refused", "closed"].includes(document.body.dataset.state);

/** Counts are the server's, never ours. Null: unknown. */
function showCount(count) {
  if (count === undefined) return; // an announcement taken back is told without a count
  $("count").textContent = count === null ? "" : `${count} unread`;
  $("read-all").setAttribute("aria-disabled", count === 0);
  document.title = `${count ? `(${count}) ` : ""}${current?.label ? `${current.label} · ` : ""}Eventide Notify`;
}

let frame = 0;
function showList() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const items = current?.feed.items ?? [];
    view.render(items);
    $("empty").hidden = items.length > 0 || !current?.loaded;
    $("nobody").hidden = Boolean(current);
    $("toggle").hidden = !current;
    $("whose").textContent = current?.label && `for ${current.label}`;
    $("read-all").hidden = items.length === 0;
    $("older").hidden = !current?.feed.cursor;
  });
}

/** For screen readers, whose users do not see the list grow. */
const say = (text) => ($("spoken").textContent = text);

function showError(text) {
  $("notice-text").textContent = text;
  $("notice").hidden = !text;
}

/** Run what the reader asked for; if it fails, say why. */
async function attempt(action) {
  try {
    await action();
  } catch (problem) {
    showError(problem.message);
  }
}

// One session: somebody's list and connection

function begin(identity, label = "") {
  current?.close();
  current = { identity, label, byToken: !label, feed: new Feed(), loaded: false, live: false, close: () => {} };
  for (const button of $("users").children) button.setAttribute("aria-pressed", button.dataset.label === label);
  showCount(null);
  showList();
  open(current);
}

function open(me) {
  showError("");
  if (!socketIo) return attempt(() => refresh(me)); // without a connection there is still the list
  const { feed, identity } = me;
  const show = (item) => {
    if (feed.arrived(item) && !item.replayed) say(`${item.title || item.type}: ${item.message}`.slice(0, 200));
    showList();
  };
  me.close = connect(socketIo, identity, {
    connect() {
      showError("");
      attempt(() => refresh(me));
    },
    connected({ userId, unreadCount }) {
      me.label ||= String(userId); // a user may be a number
      showCount(unreadCount);
      showList();
    },
    notification: show, // emitted as `newNotification` too, for front ends that know it by that name
    global_notification(item) { // likewise as `announcement`
      show(item);
      attempt(() => confirm(me)); // it does not say whether it is kept: the list does
    },
    unread_count: ({ unreadCount }) => showCount(unreadCount),
    notification_read({ ids, all, upTo, unreadCount }) {
      if (all) feed.readUpTo(upTo);
      else feed.read(ids);
      showCount(unreadCount);
      showList();
    },
    notification_deleted({ ids, unreadCount }) {
      feed.remove(ids);
      showCount(unreadCount);
      showList();
    },
    catch_up_complete({ count, unreadCount }) {
      showCount(unreadCount);
      if (count) say(`${count} arrived while you were away`);
    },
    exception: ({ message }) => showError(message),
  }, showState);
}

/** Make the list what the server says. It keeps its length, up to what one page can hold. */
async function refresh(me) {
  const before = me.feed.ids;
  const limit = Math.min(Math.max(before.size, PAGE), PAGE_MAX);
  const page = await me.identity.call("GET", `/v1/notifications?limit=${limit}`);
  me.feed.refresh(page, before);
  me.loaded = true;
  if (me !== current) return;
  if (!me.live) showCount(page.unreadCount); // live, events tell the count, and this answer may be older than they are
  showList();
}

/** Which of the newest are in the list: announcements may not be. */
async function confirm(me) {
  me.feed.confirm((await me.identity.call("GET", "/v1/notifications?limit=10")).notifications);
  showList();
}

async function older(me) {
  const { feed, identity } = me;
  let added = 0;
  while (!added && feed.cursor) { // what was replayed is here already: go on to what is not
    const { cursor } = feed;
    const page = await identity.call("GET", `/v1/notifications?limit=${PAGE}&cursor=${cursor}`);
    if (cursor !== feed.cursor) return; // the list was refreshed meanwhile, and this may not join on to it
    added = feed.older(page);
  }
  if (me !== current) return;
  say(`${added} older loaded`);
  if (!feed.cursor) $("list").focus(); // the button goes
  showList();
}

/** A change by REST. All of the user's connections are told of it by events; without a connection we ask. */
async function change(me, method, path, body, done, gone) {
  try {
    await me.identity.call(method, `/v1/notifications/${path}`, body);
    done();
  } catch (problem) {
    if (problem.status !== 404 || !gone) throw problem;
    gone(); // deleted elsewhere, or an announcement that was not kept
  }
  if (me !== current) return;
  showList();
  if (!me.live) showCount((await me.identity.call("GET", "/v1/notifications/unread-count")).unreadCount);
}

const actions = {
  read(me, id) {
    return change(me, "PUT", `${id}/read`, undefined, () => me.feed.read([id]), () => me.feed.remove([id]));
  },
  follow(me, id, link) { // besides going where it leads
    return link.closest(".unread") && actions.read(me, id);
  },
  delete(me, id) {
    const remove = () => me.feed.remove([id]);
    return change(me, "DELETE", id, undefined, remove, remove);
  },
  unfold(me, id, button) {
    const open = button.closest("li").classList.toggle("unfolded");
    button.setAttribute("aria-expanded", open);
    button.textContent = open ? "Show less" : "Show all";
  },
};

$("list").addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) attempt(() => actions[button.dataset.action](current, button.closest("li").dataset.id, button));
});

$("read-all").addEventListener("click", () => {
  const me = current;
  const upTo = me.feed.newestId; // not what arrives meanwhile, which nobody has seen
  if ($("read-all").ariaDisabled === "true" || !upTo) return;
  attempt(() => change(me, "PUT", "read-all", { upTo }, () => me.feed.readUpTo(upTo)));
});

$("older").addEventListener("click", async () => {
  if ($("older").ariaBusy === "true") return;
  $("older").ariaBusy = "true";
  await attempt(() => older(current));
  $("older").ariaBusy = "false";
});

$("notice-close").addEventListener("click", () => showError(""));

// Who

const beginAs = ({ id, name }) => {
  history.replaceState(null, "", `#${id}`); // a reload, or a copy of the address, is the same user
  $("compose").elements.to.value = id;
  begin(new Identity(async () => (await fetchDemo()).users.find((user) => user.id === id).token), name);
};

function beginWithToken() {
  const token = $("token").value.trim().replace(/^Bearer\s+/i, "");
  pasted.set(token);
  if (!token) return showList();
  $("with-token").open = false; // and open again if it is refused
  begin(new Identity(async () => token));
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  beginWithToken();
  $("with-token").firstElementChild.focus();
});

$("toggle").addEventListener("click", () => {
  if (isOff()) return open(current);
  current.close();
  showState({ name: "idle" });
});

window.addEventListener("hashchange", () => {
  const user = demo?.users.find(({ id }) => `#${id}` === location.hash);
  if (user) beginAs(user);
});

// Sending, in demo mode

function offerUsers() {
  for (const user of demo.users) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: user.name, onclick: () => beginAs(user) });
    button.dataset.label = user.name;
    $("users").append(button);
  }
  for (const { id, name } of [...demo.users, { id: EVERYONE, name: "Everyone" }]) {
    const choice = $("recipient").content.cloneNode(true);
    choice.querySelector("input").value = id;
    choice.querySelector("span").textContent = name;
    $("recipients").append(choice);
  }
  fillSample(SAMPLES[0]);
  $("demo-users").hidden = $("composer").hidden = $("empty-demo").hidden = false;
  // Beside the list it is always open; above it, on a narrow screen, it would push the list away.
  $("composer").open = matchMedia("(min-width: 56rem)").matches;
}

function fillSample(sample) {
  for (const [name, value] of Object.entries(sample)) $("compose").elements[name].value = value;
}

function nextSample(sent) {
  const at = SAMPLES.findIndex(({ title, message }) => title === sent.title && message === sent.message);
  if (at >= 0) fillSample(SAMPLES[(at + 1) % SAMPLES.length]);
}

$("compose").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const { to, ...draft } = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
  const admin = new Identity(async () => (await fetchDemo()).adminToken);
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  try {
    if (to === EVERYONE) await admin.call("POST", "/v1/admin/announcements", draft);
    else await admin.call("POST", "/v1/admin/notifications", { userIds: [to], ...draft });
    const name = demo.users.find(({ id }) => id === to)?.name;
    $("sent").textContent = name ? `Saved for ${name}.` : "Announced to everyone.";
    $("sent").classList.remove("wrong");
    nextSample(draft);
  } catch (problem) {
    $("sent").textContent = problem.message;
    $("sent").classList.add("wrong");
    const wrong = problem.errors?.map(({ field }) => form.elements[field]).filter(Boolean) ?? [];
    for (const field of wrong) field.setAttribute("aria-invalid", true);
    wrong[0]?.focus();
  }
});

// Start

async function start() {
  showState({ name: "idle" });
  setInterval(() => view.tick(), 1000);
  $("token").value = pasted.get();
  [demo, socketIo] = await Promise.all([
    fetchDemo().catch(() => null),
    loadSocketIo().then(({ io, fromCdn }) => {
      $("from-cdn").hidden = !fromCdn;
      return io;
    }, () => ($("no-client").hidden = false, null)),
  ]);
  $("with-token").open = !demo;
  if (demo) offerUsers();
  if (demo) beginAs(demo.users.find(({ id }) => `#${id}` === location.hash) ?? demo.users[0]);
  else beginWithToken();
}

start();
