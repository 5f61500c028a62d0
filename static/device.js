/** One device of a user: a bell with a connection of its own, that can be cut, and a token that can be let expire. */

import { fetchDemo } from "./rest.js";
import { serverTime } from "./server-clock.js";
import { Wiretap } from "./wiretap.js";

const CUT_FOR = 5000;
const SHORT_LIFE = 6; // seconds
const ANSWER_WITHIN = 5000;
const ARRIVALS = ["notification", "global_notification"];
const REPORTED_FOR = 8000; // how long it is said what has just happened

/**
 * Events: "change" (the new `status`), "frame" (see `Wiretap`, with `at`), "arrived" (`{item, replayed, at}`), "lost"
 * (`{item, at}`: it was sent while the connection was cut), "read" and "removed" (`{ids}`).
 */
export class Device extends EventTarget {
  #user;
  #socket = null;
  #tap = null;
  #restore = null; // ends the cut
  #bell = { state: "connecting" }; // what it has told
  #newCount = null; // as on its badge
  #cutUntil = null;
  #tokenEnds = null; // known only while it is short
  #report = ""; // what has just happened
  #afterCut = false;
  #caughtUp = 0;
  #renewed = false;
  #token = "";

  /** `bell`: not on the page yet. `io`: the stock client's. */
  constructor(user, bell, io) {
    super();
    this.#user = user;
    bell.getToken = () => this.#renew();
    bell.io = (...address) => {
      this.#socket = io(...address);
      this.#tap = new Wiretap(this.#socket, (frame) => this.#frame(frame));
      return this.#socket;
    };
    bell.addEventListener("state", ({ detail }) => this.#stateChanged(detail));
    bell.addEventListener("unread", ({ detail }) => {
      this.#newCount = detail.unseenCount ?? detail.unreadCount;
      this.#changed();
    });
    bell.addEventListener("notification", ({ detail }) => this.#arrived(detail));
  }

  /**
   * `state`: "cut", or the bell's: "connecting", "live", "reconnecting", "offline" (`since`), "refused" (`code`) or
   * "closed". `cutUntil`, `tokenEnds`: when, or null. `report`: what has just happened.
   */
  get status() {
    const { state, since, code } = this.#bell;
    return {
      state: this.#cutUntil ? "cut" : state,
      since: since?.getTime(),
      code,
      transport: this.#socket?.io.engine?.transport?.name,
      newCount: this.#newCount,
      cutUntil: this.#cutUntil,
      tokenEnds: this.#tokenEnds,
      report: this.#report,
    };
  }

  /** For 5 seconds nothing passes in either direction; then the device notices, and connects again. */
  cut() {
    if (this.status.state !== "live") return;
    this.#restore = this.#tap.cut();
    this.#cutUntil = Date.now() + CUT_FOR;
    this.#caughtUp = 0;
    this.#changed();
    setTimeout(() => this.#reconnect(), CUT_FOR);
  }

  /**
   * Take a token that expires in a few seconds, and let it.
   *
   * The server warns of it, and the bell would answer that with a new token and not even be disconnected. It is given
   * none, to show the harder way: the server closes the transport, and the client comes back with the next token.
   */
  async expireToken() {
    if (this.#tokenEnds) return;
    this.#tokenEnds = serverTime() + SHORT_LIFE * 1000; // about then; the server will say when
    this.#changed();
    try {
      const token = await this.#fetchToken(SHORT_LIFE);
      const answer = await this.#socket.timeout(ANSWER_WITHIN).emitWithAck("refresh_token", { token });
      if (!answer.success) throw new Error(answer.error.message);
      this.#tokenEnds = Date.parse(answer.expiresAt);
    } catch (problem) {
      this.#tokenEnds = null;
      throw problem;
    } finally {
      this.#changed();
    }
  }

  #reconnect() {
    this.#cutUntil = null;
    this.#afterCut = true;
    this.#restore();
    this.#restore = null;
    this.#changed();
  }

  /** The bell asks for a token on each connect, and when the server warns that the last one expires. */
  async #renew() {
    if (this.#token && this.#tokenEnds > serverTime()) return this.#token;
    this.#token = await this.#fetchToken();
    this.#renewed = this.#tokenEnds !== null;
    this.#tokenEnds = null;
    return this.#token;
  }

  async #fetchToken(ttl) {
    const { users } = await fetchDemo(ttl);
    return users.find(({ id }) => id === this.#user.id).token;
  }

  #frame(frame) {
    const at = Date.now();
    const { payload, ...told } = frame;
    this.#tell("frame", { ...told, at });
    const { incoming, lost, name } = frame;
    if (!incoming) return;
    if (lost && ARRIVALS.includes(name)) this.#tell("lost", { item: payload, at });
    if (!lost && name === "catch_up_complete" && this.#afterCut && !this.#caughtUp) this.#say("nothing was missed");
    if (!lost && name === "notification_read") this.#tell("read");
    if (!lost && name === "notification_deleted") this.#tell("removed", { ids: payload.ids });
  }

  #arrived({ notification: item, replayed }) {
    this.#tell("arrived", { item, replayed, at: Date.now() });
    if (!replayed || !this.#afterCut) return;
    this.#caughtUp += 1;
    this.#say(`caught up with ${this.#caughtUp}`);
  }

  #stateChanged(told) {
    const wasAway = ["reconnecting", "offline"].includes(this.#bell.state);
    this.#bell = told;
    if (told.state === "reconnecting" && !this.#afterCut) this.#caughtUp = 0;
    if (told.state === "live" && wasAway) this.#afterCut = true;
    if (told.state === "live" && this.#renewed) this.#say("with a new token");
    this.#changed();
  }

  /** Report what has just happened, until it is old. */
  #say(report) {
    this.#report = report;
    this.#changed();
    setTimeout(() => {
      if (this.#report !== report) return;
      this.#report = "";
      this.#afterCut = this.#renewed = false;
      this.#changed();
    }, REPORTED_FOR);
  }

  #changed() {
    this.#tell("change", this.status);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
