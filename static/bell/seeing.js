/** Who has opened the list has seen what is new: the server is told so, and the badge goes. */

const PAUSE = 1_000; // milliseconds: what arrives meanwhile is told together

export class Seeing {
  #inbox = null;
  #isNew = false;
  #timer = 0;

  /** The list is open. */
  begin(inbox) {
    this.#inbox = inbox;
    this.#isNew = true;
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  end() {
    this.#inbox = null;
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  arrived() {
    this.#isNew = true;
    this.look();
  }

  /** Tell it, if there is anything. Once: what could not be told is told with the next, or when the list is opened. */
  look = () => {
    if (!this.#isNew || !this.#inbox?.unseenCount || this.#timer || document.visibilityState !== "visible") return;
    this.#isNew = false;
    this.#inbox.seenAll();
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.look();
    }, PAUSE);
  };
}
