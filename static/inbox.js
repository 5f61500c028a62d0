/** The page inbox.html: the notification centre, of a demo user or of whose token was pasted. */

import { showInbox } from "./inbox/centre.js";
import { fetchDemo, pasted } from "./rest.js";

const $ = (id) => document.getElementById(id);

let demo = null;
let shown = null;

/** What the page's own markup says counts more than what its address says. */
function setting(name) {
  const attribute = document.body.getAttribute(`data-${name}`);
  return attribute ?? new URLSearchParams(location.search).get(name) ?? "";
}

function appUrl() {
  const url = URL.canParse(setting("app-url")) ? new URL(setting("app-url")) : null;
  return ["http:", "https:"].includes(url?.protocol) ? url.href : undefined;
}

function begin(getToken, user = "") {
  shown?.close();
  for (const button of $("users").children) button.setAttribute("aria-pressed", button.dataset.user === user);
  shown = showInbox($("inbox"), { getToken, appUrl: appUrl() });
  const { inbox } = shown;
  inbox.addEventListener("unread", () => inbox === shown.inbox && showTitle(inbox.unreadCount));
  inbox.addEventListener("state", () => {
    if (inbox.state === "refused" && !demo) $("with-token").open = true;
  });
  showTitle(null);
}

/** Who has pressed a button for it goes on at the list, with its keys. */
function beginHere(begin) {
  begin();
  shown?.focus();
}

function beginAs({ id }) {
  history.replaceState(null, "", `#${id}`); // a reload, or a copy of the address, is the same user
  begin(async () => (await fetchDemo()).users.find((user) => user.id === id).token, id);
}

function beginWithToken() {
  const token = $("token").value.trim().replace(/^Bearer\s+/i, "");
  pasted.set(token);
  $("with-token").open = !token;
  if (token) begin(() => token); // and the form opens again if it is refused
}

const userOfAddress = () => demo.users.find(({ id }) => `#${id}` === location.hash);

function showUsers() {
  for (const user of demo.users) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: user.name, onclick: () => beginHere(() => beginAs(user)) });
    button.dataset.user = user.id;
    $("users").append(button);
  }
  addEventListener("hashchange", () => userOfAddress() && beginAs(userOfAddress()));
}

function showTitle(unreadCount) {
  const title = ["Notifications", setting("app-name")].filter(Boolean).join(" · ");
  document.title = unreadCount ? `(${unreadCount}) ${title}` : title;
}

function showApp() {
  showTitle(null);
  if (!appUrl()) return;
  $("app").hidden = false;
  $("app").href = appUrl();
  $("app").textContent = setting("app-name") || new URL(appUrl()).host;
}

async function start() {
  showApp();
  $("token").value = pasted.get();
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    beginHere(beginWithToken);
  });
  demo = await fetchDemo().catch(() => null);
  $("top").hidden = false;
  for (const id of ["users", "demo"]) $(id).hidden = !demo;
  if (!demo) return beginWithToken();
  showUsers();
  beginAs(userOfAddress() ?? demo.users[0]);
}

start();
