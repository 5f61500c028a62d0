/** The demo: screens of users' devices, a back end to send with, and what happens between. */

import { BackEnd } from "./back-end.js";
import { Burst } from "./burst.js";
import { Composer } from "./composer.js";
import { copies } from "./copy.js";
import { $, drawSoon } from "./dom.js";
import { FrameLog } from "./frame-log.js";
import { fetchDemo } from "./rest.js";
import { NARROW, Screens } from "./screens.js";
import { showSnippets } from "./snippets.js";
import { offerToStop } from "./stop.js";
import { Tabs } from "./tabs.js";
import { Timelines } from "./timelines.js";

const VIEWS = { try: "Try it", "timelines-panel": "Timeline", frames: "Frames", code: "Code" };

const tokenOf = async (id) => (await fetchDemo()).users.find((user) => user.id === id).token;

/** `users`: `{id, name}` of each. `canStop`: whether the server can be stopped. */
export function showDemo({ users, canStop }) {
  for (const id of ["demo", "to-code", "honest", "to-admin"]) $(id).hidden = false;
  new DemoPage(users).start(canStop);
}

class DemoPage {
  #users;
  #backEnd = new BackEnd();
  #log = new FrameLog();
  #timelines = new Timelines(({ id }) => tokenOf(id));
  #screens;
  #composer;
  #burst;
  #drawSky = drawSoon(() => this.#showSky());

  constructor(users) {
    this.#users = users;
    this.#composer = new Composer(this.#backEnd, users, (...saved) => {
      this.#burst.end();
      this.#sent(...saved);
    });
    this.#burst = new Burst(this.#backEnd, (...saved) => this.#sent(...saved), (...text) => this.#composer.say(...text));
    this.#screens = new Screens(users, {
      opened: (device) => this.#listenTo(device),
      changed: () => {
        this.#composer.showFor(this.#screens.seenUsers, this.#screens.users);
        this.#drawSky();
      },
    });
  }

  start(canStop) {
    this.#screens.start();
    $("many").addEventListener("click", () => this.#sendMany());
    if (canStop) offerToStop(this.#backEnd, () => this.#composer.send(), () => this.#live === this.#screens.devices.length);
    const first = () => this.#screens.users[0] ?? this.#users[0].id;
    showSnippets(first(), () => tokenOf(first()), async () => (await fetchDemo()).adminToken);
    $("to-code").addEventListener("click", (event) => {
      event.preventDefault(); // the address says which devices are on
      $("code").scrollIntoView();
      $("copy-install").focus({ preventScroll: true });
    });
    copies($("copy-install"), () => $("install").textContent);
    new Tabs($("views"), { query: NARROW }).show(Object.entries(VIEWS).map(([id, name]) => ({ id, name, element: $(id) })));
  }

  #sendMany() {
    const { recipients } = this.#composer;
    this.#burst.send(recipients, this.#screens.devices.filter(({ user }) => recipients.includes(user.id)));
  }

  #listenTo(device) {
    const { user } = device;
    const devices = () => this.#screens.of(user);
    this.#log.addDevice(device);
    device.addEventListener("loaded", ({ detail }) => ($("from-cdn").hidden = !detail.fromCdn));
    device.addEventListener("frame", ({ detail }) => this.#log.add(device, detail));
    device.addEventListener("lost", ({ detail }) => this.#timelines.arrived(device, { ...detail, lost: true }, devices()));
    device.addEventListener("arrived", ({ detail }) => {
      this.#timelines.arrived(device, detail, devices());
      this.#burst.arrived(device, detail.item.id);
    });
    device.addEventListener("read", () => this.#timelines.lookUp(user));
    device.addEventListener("removed", ({ detail }) => this.#timelines.removed(user, detail.ids));
    device.addEventListener("followed", () => devices().forEach((each) => each.look()));
    device.addEventListener("change", this.#drawSky);
  }

  #sent(items, draft) {
    for (const { id, userId } of items) {
      const to = userId === undefined ? this.#screens.users : [userId];
      for (const user of this.#users.filter((each) => to.includes(each.id))) {
        this.#timelines.begin(user, { id, ...draft }, this.#screens.of(user));
      }
    }
  }

  /** How many devices are connected. */
  get #live() {
    return this.#screens.devices.filter(({ status }) => status.state === "live").length;
  }

  /** The page's sun stands as high as devices are connected. */
  #showSky() {
    const { devices } = this.#screens;
    document.body.style.setProperty("--daylight", devices.length ? this.#live / devices.length : 0);
  }
}
