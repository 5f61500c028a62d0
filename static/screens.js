/** Which devices are on the page: a switch for each, and on a narrow screen a tab for each that is on. */

import { DeviceFrame } from "./device-frame.js";
import { DeviceView } from "./device-view.js";
import { $ } from "./dom.js";
import { Tabs } from "./tabs.js";

const KINDS = ["laptop", "phone"];
const AT_FIRST = ["alice-laptop", "alice-phone", "bob-phone"];
export const NARROW = "(max-width: 44rem)";

export class Screens {
  #views = new Map(); // of the devices that are on, by id
  #tabs = new Tabs($("device-tabs"), { query: NARROW, changed: () => this.#changed() });
  #opened;
  #changed;

  /** `opened(device)`: a `DeviceFrame`, which is not on the page yet. `changed()`: other devices are on, or seen. */
  constructor(users, { opened, changed }) {
    this.#opened = opened;
    this.#changed = changed;
    for (const user of users) for (const kind of KINDS) $("switches").append(this.#switch(user, kind));
    $("screens").open = !matchMedia(NARROW).matches;
  }

  /** Begin with the devices that the address names: "#bob-phone,alice" is one of Bob's and both of Alice's. */
  start() {
    const named = location.hash.slice(1).split(",");
    const wanted = this.#switches.map(({ value }) => value).filter((id) => named.includes(id) || named.includes(id.split("-")[0]));
    for (const button of this.#switches) this.#set(button, (wanted.length ? wanted : AT_FIRST).includes(button.value));
    this.#show();
    setInterval(() => this.#views.forEach((view) => view.show()), 500);
  }

  get devices() {
    return [...this.#views.values()].map(({ device }) => device);
  }

  of(user) {
    return this.devices.filter((device) => device.user.id === user.id);
  }

  /** The ids of the users who have a device that is on. */
  get users() {
    return idsOf(this.devices);
  }

  /** The ids of those whose device can be seen: on a narrow screen that is one. */
  get seenUsers() {
    return idsOf(this.devices.filter(({ id }) => this.#tabs.shown.includes(id)));
  }

  get #switches() {
    return [...$("switches").querySelectorAll("button")];
  }

  #switch(user, kind) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "chip", textContent: `${user.name}’s ${kind}`, value: `${user.id}-${kind}` });
    button.make = () => new DeviceFrame(user, kind);
    button.addEventListener("click", () => {
      this.#set(button, !this.#views.has(button.value));
      this.#show();
    });
    return button;
  }

  #set(button, on) {
    button.ariaPressed = String(on);
    const view = this.#views.get(button.value);
    if (on === Boolean(view)) return;
    if (on) this.#open(button);
    else {
      this.#views.delete(button.value);
      view.device.close();
      view.element.remove();
    }
  }

  #open(button) {
    const device = button.make();
    this.#opened(device);
    device.addEventListener("change", () => this.#tabs.count(device.id, device.status.newCount));
    const view = new DeviceView(device);
    const all = this.#switches;
    const after = all.slice(all.indexOf(button) + 1).find(({ value }) => this.#views.has(value));
    $("devices").insertBefore(view.element, after ? this.#views.get(after.value).element : null);
    this.#views.set(button.value, view);
  }

  #show() {
    const on = this.#switches.filter(({ value }) => this.#views.has(value));
    $("no-devices").hidden = on.length > 0;
    this.#tabs.show(on.map(({ value, textContent }) => ({ id: value, name: textContent, element: this.#views.get(value).element })));
    for (const device of this.devices) this.#tabs.count(device.id, device.status.newCount);
    history.replaceState(null, "", on.length ? `#${on.map(({ value }) => value).join(",")}` : " "); // a reload shows the same
    this.#changed();
  }
}

const idsOf = (devices) => [...new Set(devices.map(({ user }) => user.id))];
