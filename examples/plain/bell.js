/** The bell needs to know whose it is; the rest it does by itself. */

import { getToken, service } from "./session.js";

const bell = document.querySelector("eventide-bell");
const known = document.getElementById("known");

bell.addEventListener("unread", ({ detail: { unreadCount } }) => {
  known.hidden = !unreadCount;
  known.querySelector("strong").textContent = `${unreadCount} unread`;
});

bell.getToken = getToken; // asked on each connect and reconnect
await import(`${service}/client/eventide-bell.js`);
