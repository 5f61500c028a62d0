/** What an application's back end does with the service. Like a careful one, it tries again until it is answered. */

import { Identity, fetchDemo } from "./rest.js";

const RETRY = 500;
const PATIENCE = 30_000;
const TRY_AGAIN = [0, 503]; // not reached, and stopping

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class BackEnd {
  #admin = new Identity(async () => (await fetchDemo()).adminToken);

  /**
   * The answer; rejects with a `Problem`. `waiting()` is called while the server cannot be reached.
   *
   * An answer can be lost as well as a request. With the key the server does the same thing once, however often it is
   * asked.
   */
  async post(path, body, waiting = () => {}) {
    const headers = { "Idempotency-Key": newKey() };
    const end = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await this.#admin.call("POST", path, body, headers);
      } catch (problem) {
        if (!TRY_AGAIN.includes(problem.status) || Date.now() > end) throw problem;
        waiting();
        await pause(RETRY);
      }
    }
  }

  /** `{users, received, read, acknowledged}`: how many of each, of an announcement. */
  reach(id) {
    return this.#admin.call("GET", `/v1/admin/announcements/${id}/reach`);
  }

  /** `{scheduled}`: what will be sent. */
  scheduled() {
    return this.#admin.call("GET", "/v1/admin/scheduled");
  }

  /** Whether it was not sent yet, and will not be. */
  async cancel(id) {
    try {
      await this.#admin.call("DELETE", `/v1/admin/scheduled/${id}`);
      return true;
    } catch (problem) {
      if (problem.status === 404) return false;
      throw problem;
    }
  }

  retract(id) {
    return this.#admin.call("DELETE", `/v1/admin/announcements/${id}`);
  }

  /** `{seconds}`: so long. Only the demo's server can be stopped. */
  stopServer() {
    return this.#admin.call("POST", "/client/demo/stop");
  }
}
