/** Without the demo: a field for a token, and the bell of whoever it belongs to. */

import { $, showError } from "./dom.js";
import "./eventide-bell.js";
import { pasted, REFUSALS } from "./rest.js";

const STATES = {
  connecting: "Connecting …",
  live: "Live. The bell is at the top of the page.",
  reconnecting: "Reconnecting …",
  offline: "The server cannot be reached. Trying again.",
  closed: "The server has closed the connection.",
};
const DAYLIGHT = { live: 1, connecting: 0.55, reconnecting: 0.55 };

export function showOwn() {
  $("own").hidden = false;
  $("own-markup").textContent = markup();
  $("token").value = pasted.get();
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    connect($("token").value.trim().replace(/^Bearer\s+/i, ""));
  });
  if (pasted.get()) connect(pasted.get());
}

function connect(token) {
  if (!token) return;
  pasted.set(token);
  showError("");
  $("own-user").textContent = userOf(token);
  const bell = document.createElement("eventide-bell");
  bell.setAttribute("view-all", "inbox.html");
  bell.getToken = () => token;
  bell.addEventListener("state", ({ detail }) => showState(detail));
  $("own-bell").replaceChildren(bell);
  $("own-bell").hidden = false;
}

function showState({ state, code }) {
  $("own-state").textContent = state === "refused" ? `Refused: ${REFUSALS[code] ?? code}` : STATES[state];
  $("own-state").classList.toggle("wrong", state === "refused");
  $("own-help").hidden = state !== "live";
  document.body.style.setProperty("--daylight", DAYLIGHT[state] ?? 0);
}

/** Whose token it is, as far as a page can tell: which claim names the user is the server's setting. */
function userOf(token) {
  try {
    const { sub, userId, id } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return String(sub ?? userId ?? id ?? 42);
  } catch {
    return "42";
  }
}

const markup = () => [
  `<script type="module" src="${location.origin}/client/eventide-bell.js"></script>`,
  `<eventide-bell url="${location.origin}" token="…"></eventide-bell>`,
].join("\n");
