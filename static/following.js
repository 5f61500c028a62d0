/** The button by which a user of the small application follows a topic, and no longer. */

import { Identity } from "./rest.js";
import { TOPIC } from "./samples.js";

const PATH = `/v1/topics/${TOPIC}`;

export class Following {
  #button;
  #changed;
  #identity;
  #busy = false;

  /** `getToken()`: a promise of the user's token. `changed()`: the user follows it from now on, or does not any more. */
  constructor(button, { getToken, changed }) {
    this.#button = button;
    this.#changed = changed;
    this.#identity = new Identity(getToken);
    button.addEventListener("click", () => this.#toggle());
  }

  /** As the server has it: another device may have changed it. */
  async look() {
    try {
      const { topics } = await this.#identity.call("GET", "/v1/topics");
      this.#show(topics.includes(TOPIC));
    } catch {
      // The server is away. When the bell is connected again, it is looked up.
    }
  }

  async #toggle() {
    if (this.#busy) return;
    this.#busy = true;
    const follows = this.#button.ariaPressed !== "true";
    try {
      await this.#identity.call(follows ? "PUT" : "DELETE", PATH);
      this.#show(follows);
      this.#changed();
    } catch {
      this.#button.textContent = "Not possible now";
      setTimeout(() => this.#show(!follows), 2000);
    } finally {
      this.#busy = false;
    }
  }

  #show(follows) {
    this.#button.hidden = false;
    this.#button.ariaPressed = String(follows);
    this.#button.textContent = follows ? "Following the tides" : "Follow the tides";
  }
}
