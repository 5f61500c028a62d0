/** Notifications of the operating system, while nobody sees the page. */

import { safeUrl } from "./text.js";

/** @typedef {import("../eventide-bell.js").Notification} Item */

export class Desktop {
  /** @type {Map<string, Notification>} */
  #shown = new Map();

  /** Whether the reader can be asked. */
  get canAsk() {
    return globalThis.Notification?.permission === "default";
  }

  /** To be called when the reader clicks: browsers refuse it otherwise. */
  async ask() {
    return (await globalThis.Notification?.requestPermission()) ?? "denied";
  }

  /**
   * @param {Item} item
   * @param {boolean} again whether it was shown before
   * @param {() => void} follow the reader has clicked on it
   */
  show(item, again, follow) {
    if (globalThis.Notification?.permission !== "granted") return;
    const icon = item.avatar && safeUrl(item.avatar)?.href;
    const text = item.title ? { body: item.message } : {};
    try {
      // The same tag in another tab: it is one notification.
      const options = { tag: item.id, renotify: again, ...text, ...(icon ? { icon } : {}) };
      const shown = new Notification(item.title || item.message, options);
      shown.onclick = () => {
        globalThis.focus();
        shown.close();
        follow();
      };
      shown.onclose = () => this.#shown.delete(item.id);
      this.#shown.set(item.id, shown);
    } catch {
      // Browsers of telephones have them for service workers only.
    }
  }

  /** @param {readonly string[]} ids */
  close(ids = [...this.#shown.keys()]) {
    for (const id of ids) this.#shown.get(id)?.close();
  }
}
