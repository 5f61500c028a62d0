/** The demo: users side by side, each with devices of their own; a back end to send with; and what happens between. */

import { Composer } from "./composer.js";
import { Device } from "./device.js";
import { $, drawSoon, say } from "./dom.js";
import { FrameLog } from "./frame-log.js";
import { Timelines } from "./timelines.js";
import { fetchDemo } from "./rest.js";
import { loadSocketIo } from "./socket-io.js";
import { Tabs } from "./tabs.js";
import { UserView } from "./user-view.js";

const AT_FIRST = 2; // of the users

/** `users`: `{id, name}` of each. */
export async function showDemo(users) {
  try {
    const { io, fromCdn } = await loadSocketIo();
    $("from-cdn").hidden = !fromCdn;
    $("demo").hidden = $("shown").hidden = $("honest").hidden = false;
    new DemoPage(users, io).start();
  } catch (problem) {
    $("no-client").hidden = false;
    throw problem; // for the console: it may be another
  }
}

class DemoPage {
  #users;
  #io;
  #log = new FrameLog();
  #tabs = new Tabs();
  #timelines = new Timelines(async ({ id }) => (await fetchDemo()).users.find((user) => user.id === id).token);
  #views;
  #drawSky = drawSoon(() => this.#showSky());

  constructor(users, io) {
    this.#users = users;
    this.#io = io;
    this.#views = new Map(users.map((user) => [user.id, new UserView(user, (...kind) => this.#device(...kind))]));
    new Composer(users, (items, draft) => this.#sent(items, draft));
  }

  start() {
    const named = location.hash.slice(1).split(",").filter((id) => this.#views.has(id));
    const first = named.length ? named : this.#users.slice(0, AT_FIRST).map(({ id }) => id);
    for (const user of this.#users) $("shown").append(this.#switch(user, first.includes(user.id)));
    this.#show(first);
    setInterval(() => this.#views.forEach((view) => view.tick()), 500);
  }

  get #shown() {
    return [...$("shown").querySelectorAll("[aria-pressed=true]")].map(({ value }) => value);
  }

  #switch(user, pressed) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "on-sky", textContent: user.name, value: user.id });
    button.ariaPressed = String(pressed);
    button.addEventListener("click", () => {
      button.ariaPressed = String(button.ariaPressed !== "true");
      this.#show(this.#shown);
    });
    return button;
  }

  /** Whose devices are on: exactly these users'. */
  #show(ids) {
    for (const [id, view] of this.#views) {
      if (ids.includes(id) === view.element.isConnected) continue;
      if (view.element.isConnected) {
        view.closeAll();
        view.element.remove();
      } else {
        view.open();
        const next = this.#users.slice(this.#users.findIndex((user) => user.id === id) + 1);
        $("users").insertBefore(view.element, next.map((user) => this.#views.get(user.id).element).find((each) => each.isConnected) ?? null);
      }
    }
    $("users").dataset.count = ids.length;
    this.#tabs.show(ids.map((id) => ({ id, name: this.#views.get(id).user.name, element: this.#views.get(id).element })));
    history.replaceState(null, "", ids.length ? `#${ids.join(",")}` : " "); // a reload shows the same
    this.#drawSky();
  }

  #device(user, kind) {
    const device = new Device(user, kind, this.#io);
    const devices = () => this.#views.get(user.id).devices;
    this.#log.addDevice(device);
    device.addEventListener("frame", ({ detail }) => this.#log.add(device, detail));
    device.addEventListener("lost", ({ detail }) => this.#timelines.arrived(device, { ...detail, lost: true }, devices()));
    device.addEventListener("arrived", ({ detail }) => {
      this.#timelines.arrived(device, detail, devices());
      const { title, type, message } = detail.item;
      if (!detail.replayed) say(`${device.name}: ${title || type}: ${message}`.slice(0, 200));
    });
    device.addEventListener("read", () => this.#timelines.lookUp(user));
    device.addEventListener("removed", ({ detail }) => this.#timelines.removed(user, detail.ids));
    device.addEventListener("change", () => {
      this.#tabs.count(user.id, device.inbox?.unreadCount);
      this.#drawSky();
    });
    return device;
  }

  #sent(items, draft) {
    for (const { id, userId } of items) {
      const to = userId === undefined ? this.#shown : [userId];
      for (const view of to.map((each) => this.#views.get(each))) this.#timelines.begin(view.user, { id, ...draft }, view.devices);
    }
  }

  /** The page's sun stands as high as devices are connected. */
  #showSky() {
    const devices = [...this.#views.values()].flatMap((view) => view.devices);
    const live = devices.filter(({ state }) => state === "live").length;
    document.body.style.setProperty("--daylight", devices.length ? live / devices.length : 0);
  }
}
