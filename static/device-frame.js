/** A device on the demo page: a frame with a screen in it (`photos.html`), which tells what happens on the device. */

const RETRY = 2000;

/** Events: those of `Device`, "loaded" (`{fromCdn}`), "followed" (its user follows other topics now), and "failed" and "problem" (`{message}`). */
export class DeviceFrame extends EventTarget {
  #address;
  #retry = 0;

  /** `kind`: "laptop" or "phone". */
  constructor(user, kind) {
    super();
    Object.assign(this, { user, kind, id: `${user.id}-${kind}`, name: `${user.name}’s ${kind}` });
    this.status = { state: "connecting" };
    this.element = document.createElement("iframe");
    this.element.title = `Screen of ${this.name}`;
    this.#address = `photos.html?user=${encodeURIComponent(user.id)}&kind=${kind}`;
    this.element.src = this.#address;
    this.element.addEventListener("load", () => this.#loaded());
    addEventListener("message", this.#hear);
  }

  /** For 5 seconds nothing passes in either direction. */
  cut() {
    this.#order("cut");
  }

  expireToken() {
    this.#order("expire");
  }

  /** Its user follows other topics now: on another device, of which only the demo knows. */
  look() {
    this.#order("look");
  }

  reload() {
    this.#change({ state: "connecting" });
    this.element.contentWindow.location.reload();
  }

  close() {
    clearTimeout(this.#retry);
    removeEventListener("message", this.#hear);
    this.element.remove();
  }

  #order(command) {
    this.element.contentWindow.postMessage({ command }, location.origin);
  }

  #hear = ({ source, origin, data }) => {
    if (origin !== location.origin || source !== this.element.contentWindow) return;
    if (data.name === "change") this.#change(data.detail);
    else this.#tell(data.name, data.detail);
  };

  #change(status) {
    this.status = status;
    this.#tell("change", status);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** The browser's own page about a server that cannot be reached is not ours to look at. */
  #loaded() {
    if (this.element.contentDocument) return;
    this.#change({ state: "offline", since: Date.now() });
    this.#retry = setTimeout(() => (this.element.src = this.#address), RETRY);
  }
}
