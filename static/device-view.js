/** A device on the page: its little sky, its notifications, and what can be done to it. */

import { attempt, clone, drawSoon, partsOf, setText, showError } from "./dom.js";
import { NotificationList } from "./notification-list.js";
import { serverTime } from "./server-clock.js";

const SHOWN = 20; // the notification centre has them all
const TRANSPORTS = { websocket: "WebSocket", polling: "long polling" };

export class DeviceView {
  #list;
  #part;

  /** `more`: what those controls do that are not the device's own, by action. */
  constructor(device, more) {
    this.device = device;
    this.element = clone("device");
    this.element.classList.add(device.kind);
    this.element.dataset.device = device.id;
    this.#part = partsOf(this.element);
    this.#part("name").textContent = device.name;
    this.#part("name").id = `${device.id}-name`;
    this.element.setAttribute("aria-labelledby", `${device.id}-name`);
    this.#part("controls").setAttribute("aria-label", `Try on ${device.name}`);
    this.#list = new NotificationList(this.#part("list"), (action, id) => attempt(() => this.#act(action, id)));
    this.#part("list").setAttribute("aria-label", `Notifications on ${device.name}, newest first`);
    this.#part("centre").href = `inbox.html#${device.user.id}`;
    this.#part("centre").setAttribute("aria-label", `All notifications of ${device.user.name}`);
    this.#control("second").hidden = device.kind === "phone";
    const controls = { ...CONTROLS, ...more };
    this.#part("controls").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-action]");
      if (button && button.ariaDisabled !== "true") attempt(() => controls[button.dataset.action](device));
    });
    device.addEventListener("change", drawSoon(() => this.#draw()));
    device.addEventListener("problem", ({ detail }) => showError(`${device.name}: ${detail.message}`));
  }

  /** Whether the user has a second device open. */
  hasSecond(open) {
    this.#control("second").ariaPressed = String(open);
  }

  /** Let the clocks go on. */
  tick() {
    this.#list.tick();
    this.#showState();
  }

  #act(action, id) {
    const { inbox, state } = this.device;
    if (state === "cut") throw new Error(`${this.device.name} is cut off: it cannot tell the server.`);
    const item = inbox.items.find((each) => each.id === id);
    if (action === "remove") return inbox.remove([id]);
    return item?.read ? undefined : inbox.read([id]);
  }

  #draw() {
    const { inbox, replayed } = this.device;
    this.#list.render(inbox.items.slice(0, SHOWN), replayed);
    this.#part("empty").hidden = inbox.items.length > 0 || !inbox.loaded;
    this.#part("older").hidden = inbox.items.length <= SHOWN && !inbox.hasOlder;
    setText(this.#part("count"), inbox.unreadCount === null ? "" : `${inbox.unreadCount} unread`);
    this.#showState();
  }

  #showState() {
    const { state, tokenEnds, inbox } = this.device;
    this.element.dataset.state = state;
    setText(this.#part("state"), stateText(this.device));
    const note = noteOf(this.device);
    setText(this.#part("note"), note);
    this.#part("note").hidden = !note;
    this.#enable("cut", state === "live");
    this.#enable("expire", state === "live" && !tokenEnds);
    this.#enable("readAll", state === "live" && inbox.unreadCount > 0);
  }

  #enable(action, enabled) {
    // Not `disabled`: a button that loses the focus would send a keyboard's user back to the top of the page.
    this.#control(action).ariaDisabled = String(!enabled);
  }

  #control(action) {
    return this.#part("controls").querySelector(`[data-action=${action}]`);
  }
}

const CONTROLS = {
  cut: (device) => device.cut(),
  expire: (device) => device.expireToken(),
  readAll: (device) => device.inbox.readAll(),
};

function stateText({ state, cutUntil, tokenEnds, report, inbox, socket }) {
  const { since, code } = inbox;
  const transport = socket?.io.engine?.transport?.name;
  const more = report || (tokenEnds ? `token ends in ${secondsTo(tokenEnds, serverTime())} s` : (TRANSPORTS[transport] ?? ""));
  const texts = {
    connecting: "Connecting …",
    live: more ? `Live · ${more}` : "Live",
    cut: `Cut off · ${secondsTo(cutUntil)} s`,
    reconnecting: "Reconnecting …",
    offline: `Offline since ${since ? new Date(since).toLocaleTimeString([], { timeStyle: "short" }) : "now"}`,
    refused: `Refused · ${code}`,
    closed: "Closed by the server",
  };
  return texts[state] ?? state;
}

/** What is being done to the device, honestly. */
function noteOf({ state, tokenEnds }) {
  if (state === "cut") return "No frame passes in either direction, and neither side is told. The server still takes this device for connected.";
  if (tokenEnds) return "When the token expires, the server closes the transport. The client reconnects by itself with a new token.";
  return "";
}

const secondsTo = (time, now = Date.now()) => Math.max(0, Math.ceil((time - now) / 1000));
