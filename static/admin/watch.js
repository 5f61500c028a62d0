/** Asks for something again and again while the page can be seen. */

export class Watch {
  #ask;
  #pause;
  #timer = 0;
  #round = 0;
  #on = false;

  /**
   * @param {() => Promise<number | void>} ask what is done; it may resolve to how many milliseconds from now it is to be
   *   done again
   * @param {number} pause milliseconds between the beginnings of two rounds
   */
  constructor(ask, pause) {
    this.#ask = ask;
    this.#pause = pause;
    document.addEventListener("visibilitychange", () => this.#go());
  }

  start() {
    this.#on = true;
    this.#go();
  }

  stop() {
    this.#on = false;
    this.#go();
  }

  /** Ask at once. */
  now() {
    if (this.#on) this.#go();
  }

  #go() {
    clearTimeout(this.#timer);
    this.#round += 1; // what is still being asked is the last of its kind
    if (this.#on && !document.hidden) this.#again(this.#round);
  }

  /** @param {number} round */
  async #again(round) {
    const began = performance.now();
    const wait = (await this.#ask()) ?? this.#pause - (performance.now() - began);
    if (round === this.#round) this.#timer = setTimeout(() => this.#again(round), Math.max(wait, 200));
  }
}
