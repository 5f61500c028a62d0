/** A user on the page: a laptop, and, when it is wanted, a phone. Both are devices with a connection of their own. */

import { clone } from "./dom.js";
import { DeviceView } from "./device-view.js";

export class UserView {
  #open = new Map(); // the views of the devices that are open, by kind
  #makeDevice;

  /** `makeDevice(user, kind)`: a device, not started. */
  constructor(user, makeDevice) {
    this.user = user;
    this.#makeDevice = makeDevice;
    this.element = clone("user");
    this.element.id = `user-${user.id}`;
    this.element.setAttribute("aria-label", user.name);
  }

  get devices() {
    return [...this.#open.values()].map(({ device }) => device);
  }

  open(kind = "laptop") {
    const device = this.#makeDevice(this.user, kind);
    const view = new DeviceView(device, { second: () => this.#toggleSecond() });
    this.#open.set(kind, view);
    this.element.append(view.element);
    device.start();
  }

  close(kind) {
    const view = this.#open.get(kind);
    this.#open.delete(kind);
    view.device.close();
    view.element.remove();
  }

  closeAll() {
    for (const kind of [...this.#open.keys()]) this.close(kind);
  }

  tick() {
    for (const view of this.#open.values()) view.tick();
  }

  #toggleSecond() {
    if (this.#open.has("phone")) this.close("phone");
    else this.open("phone");
    this.#open.get("laptop").hasSecond(this.#open.has("phone"));
  }
}
