/** One device of a user: an inbox with a connection of its own, that can be cut, and a token that can be let expire. */

import { Inbox } from "./eventide-bell.js";
import { fetchDemo } from "./rest.js";
import { serverTime } from "./server-clock.js";
import { Wiretap } from "./wiretap.js";

const CUT_FOR = 5000;
const SHORT_LIFE = 6; // seconds
const ANSWER_WITHIN = 5000;
const ARRIVALS = ["notification", "global_notification"];
const REPORTED_FOR = 8000; // how long it is said what has just happened

/**
 * Events: "change" (of anything there is to see), "frame" (see `Wiretap`, with `at`), "arrived" (`{item, at}`), "lost"
 * (`{item, at}`: it was sent while the connection was cut), "read", "removed" (`{ids}`) and "problem" (`{message}`).
 */
export class Device extends EventTarget {
  #io;
  #tap;
  #restore = null; // ends the cut
  #timers = new Set();
  #afterCut = false;
  #caughtUp = 0;
  #renewed = false;
  #token = "";

  constructor(user, kind, io) {
    super();
    Object.assign(this, { user, kind, id: `${user.id}-${kind}`, name: `${user.name}’s ${kind}` });
    this.#io = io;
    this.cutUntil = null;
    this.tokenEnds = null; // known only while it is short
    this.report = ""; // what has just happened
    this.replayed = new Set(); // ids of what came later than it was sent
  }

  start() {
    this.inbox = new Inbox({
      url: location.origin,
      getToken: () => this.#renew(),
      sharing: false,
      io: (...address) => {
        const socket = this.#io(...address);
        this.socket = socket;
        this.#tap = new Wiretap(socket, (frame) => this.#frame(frame));
        return socket;
      },
    });
    this.inbox.addEventListener("change", () => this.#changed());
    this.inbox.addEventListener("unread", () => this.#changed());
    this.inbox.addEventListener("problem", ({ detail: { problem } }) => {
      if (problem.code !== "unreachable") this.#tell("problem", { message: problem.message }); // that, the state says
    });
    this.inbox.addEventListener("state", () => this.#stateChanged());
    this.inbox.addEventListener("notification", ({ detail }) => this.#arrived(detail));
    this.inbox.start();
  }

  /** "cut", or the inbox's: "connecting", "live", "reconnecting", "offline", "refused" or "closed". */
  get state() {
    return this.cutUntil ? "cut" : this.inbox.state;
  }

  /** For 5 seconds nothing passes in either direction; then the device notices, and connects again. */
  cut() {
    if (this.state !== "live") return;
    this.#restore = this.#tap.cut();
    this.cutUntil = Date.now() + CUT_FOR;
    this.#caughtUp = 0;
    this.#changed();
    this.#after(CUT_FOR, () => this.#reconnect());
  }

  /**
   * Take a token that expires in a few seconds, and let it.
   *
   * The server warns of it, and the inbox would answer that with a new token and not even be disconnected. It is given
   * none, to show the harder way: the server ends the connection, and the client comes back with the next token.
   */
  async expireToken() {
    if (this.tokenEnds) return;
    this.tokenEnds = serverTime() + SHORT_LIFE * 1000; // about then; the server will say when
    this.#changed();
    try {
      const token = await this.#fetchToken(SHORT_LIFE);
      const answer = await this.socket.timeout(ANSWER_WITHIN).emitWithAck("refresh_token", { token });
      if (!answer.success) throw new Error(answer.error.message);
      this.tokenEnds = Date.parse(answer.expiresAt);
    } catch (problem) {
      this.tokenEnds = null;
      throw problem;
    } finally {
      this.#changed();
    }
  }

  close() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#restore?.(); // a client whose frames go nowhere could not even say goodbye
    this.inbox.close();
  }

  #reconnect() {
    this.cutUntil = null;
    this.#afterCut = true;
    this.#restore();
    this.#restore = null;
    this.#changed();
  }

  /** The inbox asks for a token on each connect, and when the server warns that the last one expires. */
  async #renew() {
    if (this.#token && this.tokenEnds > serverTime()) return this.#token;
    this.#token = await this.#fetchToken();
    this.#renewed = this.tokenEnds !== null;
    this.tokenEnds = null;
    return this.#token;
  }

  async #fetchToken(ttl) {
    const { users } = await fetchDemo(ttl);
    return users.find(({ id }) => id === this.user.id).token;
  }

  #frame(frame) {
    const at = Date.now();
    this.#tell("frame", { ...frame, at });
    const { incoming, lost, name, payload } = frame;
    if (!incoming) return;
    if (lost && ARRIVALS.includes(name)) this.#tell("lost", { item: payload, at });
    if (!lost && name === "catch_up_complete" && this.#afterCut && !this.#caughtUp) this.#say("nothing was missed");
    if (!lost && name === "notification_read") this.#tell("read");
    if (!lost && name === "notification_deleted") this.#tell("removed", { ids: payload.ids });
  }

  #arrived({ notification: item, replayed }) {
    this.#tell("arrived", { item, replayed, at: Date.now() });
    if (!replayed) return;
    this.replayed.add(item.id);
    if (!this.#afterCut) return;
    this.#caughtUp += 1;
    this.#say(`caught up with ${this.#caughtUp}`);
  }

  #stateChanged() {
    if (this.state === "live" && this.#renewed) this.#say("with a new token");
    this.#changed();
  }

  /** Report what has just happened, until it is old. */
  #say(report) {
    this.report = report;
    this.#changed();
    this.#after(REPORTED_FOR, () => {
      if (this.report !== report) return;
      this.report = "";
      this.#afterCut = this.#renewed = false;
      this.#changed();
    });
  }

  #after(milliseconds, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }

  #changed() {
    this.#tell("change");
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
