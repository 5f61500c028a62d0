/** A device's screen: a small application with the bell. In a frame it tells the demo page what happens, and obeys it. */

import "./eventide-bell.js";
import { Device } from "./device.js";
import { Following } from "./following.js";
import { fetchDemo } from "./rest.js";
import { setClock } from "./server-clock.js";
import { loadSocketIo } from "./socket-io.js";

const EVENTS = ["change", "frame", "lost", "arrived", "read", "removed", "problem"];
const RETRY = 2000;

const asked = new URLSearchParams(location.search);
const isFramed = parent !== window;
document.documentElement.className = asked.get("kind") ?? "";

function tell(name, detail) {
  if (isFramed) parent.postMessage({ name, detail }, location.origin);
}

async function start() {
  const askedAt = Date.now();
  const [{ users, time }, { io, fromCdn }] = await Promise.all([fetchDemo(), loadSocketIo()]);
  setClock(time, askedAt);
  const user = users.find(({ id }) => id === asked.get("user")) ?? users[0];
  document.getElementById("user").textContent = user.name;
  tell("loaded", { fromCdn });
  const bell = document.createElement("eventide-bell");
  bell.setAttribute("no-sharing", ""); // devices on one page are tabs of one browser, and would share a connection
  bell.setAttribute("no-title-badge", "");
  bell.setAttribute("toasts", "2");
  bell.setAttribute("view-all", `inbox.html#${user.id}`);
  bell.addEventListener("open", follow);
  const tokenOf = async (id) => (await fetchDemo()).users.find((each) => each.id === id).token;
  const getToken = () => tokenOf(user.id);
  const following = new Following(document.getElementById("follow"), { getToken, changed: () => tell("followed") });
  const device = new Device(user, bell, io);
  device.addEventListener("frame", ({ detail }) => {
    if (detail.incoming && !detail.lost && detail.name === "connected") following.look();
  });
  listenTo(device, following);
  document.getElementById("bell").append(bell);
}

function listenTo(device, following) {
  for (const name of EVENTS) device.addEventListener(name, ({ detail }) => tell(name, detail));
  addEventListener("message", async ({ source, origin, data }) => {
    if (!isFramed || source !== parent || origin !== location.origin) return;
    try {
      await { cut: () => device.cut(), expire: () => device.expireToken(), look: () => following.look() }[data.command]?.();
    } catch (problem) {
      tell("problem", { message: problem.message });
    }
  });
}

/** The application's own links are its own business: it shows the photo. */
function follow(event) {
  const { origin, pathname, hash } = new URL(event.detail.url);
  const photo = origin === location.origin && pathname === location.pathname && document.getElementById(hash.slice(1));
  if (!photo) return;
  event.preventDefault();
  photo.focus();
}

async function keepStarting() {
  try {
    await start();
  } catch (problem) {
    tell("failed", { message: problem.message });
    setTimeout(keepStarting, RETRY);
  }
}

keepStarting();
if (location.hash) document.getElementById(location.hash.slice(1))?.focus();
