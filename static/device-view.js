/** A device on the page: its screen, what its connection is doing, and what can be done to it. */

import { attempt, clone, drawSoon, partsOf, setText, showError } from "./dom.js";
import { serverTime, timeOfDay } from "./server-clock.js";

const TRANSPORTS = { websocket: "WebSocket", polling: "long polling" };
const CONTROLS = {
  cut: (device) => device.cut(),
  reload: (device) => device.reload(),
  expire: (device) => device.expireToken(),
};

export class DeviceView {
  #part;

  constructor(device) {
    this.device = device;
    this.element = clone("device");
    this.element.classList.add(device.kind);
    this.element.id = device.id;
    this.element.dataset.device = device.id;
    this.#part = partsOf(this.element);
    this.#part("name").textContent = device.name;
    this.#part("name").id = `${device.id}-name`;
    this.element.setAttribute("aria-labelledby", `${device.id}-name`);
    this.#part("controls").setAttribute("aria-label", `Connection of ${device.name}`);
    this.#part("screen").append(device.element);
    this.#part("controls").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-action]");
      if (button && button.ariaDisabled !== "true") attempt(() => CONTROLS[button.dataset.action](device));
    });
    device.addEventListener("change", drawSoon(() => this.show()));
    for (const problem of ["problem", "failed"]) {
      device.addEventListener(problem, ({ detail }) => showError(`${device.name}: ${detail.message}`));
    }
    this.show();
  }

  /** Also now and then, because clocks go on. */
  show() {
    const { status } = this.device;
    this.element.dataset.state = status.state;
    setText(this.#part("state"), stateText(status));
    setText(this.#part("note"), noteOf(status));
    this.#enable("cut", status.state === "live");
    this.#enable("reload", status.state === "live");
    this.#enable("expire", status.state === "live" && !status.tokenEnds);
  }

  #enable(action, enabled) {
    // Not `disabled`: a button that loses the focus would send a keyboard's user back to the top of the page.
    this.#part("controls").querySelector(`[data-action=${action}]`).ariaDisabled = String(!enabled);
  }
}

function stateText({ state, cutUntil, tokenEnds, report, since, code, transport }) {
  const more = report || (tokenEnds ? `token expires in ${secondsTo(tokenEnds, serverTime())} s` : (TRANSPORTS[transport] ?? ""));
  const texts = {
    connecting: "Connecting …",
    live: more ? `Live · ${more}` : "Live",
    cut: `Offline, back in ${secondsTo(cutUntil)} s`,
    reconnecting: "Reconnecting …",
    offline: `Offline since ${timeOfDay(since ?? Date.now())}`,
    refused: `Refused · ${code}`,
    closed: "Closed by the server",
  };
  return texts[state] ?? state;
}

/** What is being done to the device, honestly. */
function noteOf({ state, tokenEnds }) {
  if (state === "cut") return "Nothing passes. To the server this device is still connected.";
  if (tokenEnds) return "Then the server closes the transport, and the client gets a new token.";
  return "";
}

const secondsTo = (time, now = Date.now()) => Math.max(0, Math.ceil((time - now) / 1000));
