/** Who has opened the list has seen what is new: the server is told so, and the badge goes. */

/** @import { Inbox } from "../eventide-bell.js" */

const PAUSE = 1_000; // milliseconds: what arrives meanwhile is told together

export class Seeing {
  /** @type {Inbox | null} */
  #inbox = null;
  #isNew = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * The list is open.
   *
   * @param {Inbox | null} inbox
   */
  begin(inbox) {
    this.#inbox = inbox;
    this.#isNew = true;
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  end() {
    this.#stop();
    this.look(); // what came in the last moment has been seen, too
    this.#stop();
    this.#inbox = null;
    document.removeEventListener("visibilitychange", this.look);
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  arrived() {
    this.#isNew = true;
    this.look();
  }

  /** Tell it; the model knows if there is nothing. Once: what could not be told is told with the next, or when the list is opened. */
  look = () => {
    if (!this.#isNew || !this.#inbox || this.#timer || document.visibilityState !== "visible") return;
    this.#isNew = false;
    this.#inbox.seenAll();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.look();
    }, PAUSE);
  };
}
