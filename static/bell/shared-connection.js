/** One connection for all tabs of a user: which tab has it, and how the others hear what it hears. */

import { isFinal } from "./connection.js";

// Milliseconds
const ASK_EVERY = 5_000;
const ANSWER_WITHIN = 3_000;
const UNFOCUSED_WAITS = 150;
const HIDDEN_WAITS = 500;
const CLAIM_FOR = 10_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * A connection to the server that all tabs with the same name share.
 *
 * Whoever holds the Web Lock of that name *leads*: it has the connection, and repeats on a BroadcastChannel whatever it
 * hears, before it heeds it itself. The others *follow*. The browser gives the lock on when its holder is closed or
 * crashes. A page that will be frozen gives it up in time (`close`); and one that hangs, or is put to sleep without
 * being told, is found out because it does not answer a visible tab: its lock is taken away.
 *
 * A tab whose token is refused steps back and lets the others try; it follows, until it has a new one (`open`).
 */
export class SharedConnection {
  #name;
  #connect;
  #onEvent;
  #onState;
  #onTab;
  #channel = null;
  #connection = null;
  #release = null;
  #waiting = null;
  #unanswered = 0;
  #watch = 0;
  #refused = false;
  #handover = false;
  #heardAt = 0;
  #term = 0; // of the newest leader known; what an older one still says, because it hung, is out of date
  #status = { state: "connecting" };
  #connected = null; // who is, with the count of now

  /**
   * `name`: null for a connection of this tab's own. `connect(onEvent, onState)`: makes a `Connection`.
   * `onEvent(name, payload, handover)`: with whether the leader is changing. `onTab(message)`: another tab has called
   * `post`.
   */
  constructor(name, { connect, onEvent, onState, onTab }) {
    this.#name = name;
    this.#connect = connect;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#onTab = onTab;
  }

  open() {
    if (!this.#name) return this.#lead();
    this.#refused = false;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    document.addEventListener("visibilitychange", this.#look);
    this.#watch = setInterval(this.#look, ASK_EVERY);
    this.#queue();
    this.#ask();
  }

  /** Leave; `open` comes back. */
  close() {
    clearInterval(this.#watch);
    clearTimeout(this.#unanswered);
    document.removeEventListener("visibilitychange", this.#look);
    this.#waiting?.abort();
    this.#stopLeading();
    this.#channel?.close();
    this.#channel = this.#waiting = null;
    this.#unanswered = 0;
    this.#status = { state: "connecting" };
  }

  get leads() {
    return this.#connection !== null;
  }

  /** Tell all other tabs something, whoever leads. */
  post(message) {
    this.#post({ what: "tab", message });
  }

  /** The token was renewed. Only who leads has any use for it. */
  refresh(token) {
    this.#connection?.refresh(token);
  }

  /**
   * Whether this tab is the one to show the reader something once: visible, and the first that asks. One that has the
   * focus is let go first. `hidden`: this one need not be visible, but lets all go first that are.
   */
  async claim(id, { hidden = false } = {}) {
    const visible = () => document.visibilityState === "visible";
    if (!this.#name) return hidden || visible();
    if (!visible() && hidden) await pause(HIDDEN_WAITS);
    else if (!document.hasFocus()) await pause(UNFOCUSED_WAITS);
    if (!visible() && !hidden) return false;
    return new Promise((resolve) => {
      const show = (lock) => (resolve(Boolean(lock)), lock && pause(CLAIM_FOR));
      navigator.locks.request(`${this.#name}:${id}`, { ifAvailable: true }, show).catch(() => resolve(false));
    });
  }

  // Who leads

  #queue(options = {}) {
    this.#waiting?.abort();
    const waiting = (this.#waiting = new AbortController());
    const hold = () => (this.#waiting === waiting ? this.#lead(options.steal) : undefined);
    navigator.locks.request(this.#name, options.steal ? options : { signal: waiting.signal }, hold).catch((error) => {
      if (this.#waiting !== waiting) return; // we have left the queue ourselves
      if (error.name !== "AbortError") return this.#lead(); // this page may have no locks: a connection of its own
      this.#stopLeading(); // our lock was taken away, because we did not answer
      this.#queue();
      this.#ask();
    });
  }

  /** The promise keeps the lock until it is resolved. */
  #lead(stolen = false) {
    clearTimeout(this.#unanswered);
    this.#unanswered = 0;
    this.#term = Math.max(this.#term + 1, Date.now());
    // The browser was connected until a moment ago: what comes while the leader changes is live, not missed.
    const recently = !stolen || Date.now() - this.#heardAt < 2 * ASK_EVERY + ANSWER_WITHIN;
    this.#handover = this.#status.state === "live" && recently;
    return new Promise((resolve) => {
      this.#release = resolve;
      this.#connection = this.#connect((name, payload) => this.#tell(name, payload), (status) => this.#state(status));
    });
  }

  #stopLeading() {
    this.#connection?.close();
    this.#release?.();
    this.#connection = this.#release = null;
  }

  #tell(name, payload) {
    const handover = this.#handover;
    if (name === "catch_up_complete") this.#handover = false;
    const { unreadCount, unseenCount } = payload;
    if (name === "connected") this.#connected = payload;
    else if (unreadCount !== undefined) this.#connected = { ...this.#connected, unreadCount, unseenCount };
    this.#post({ what: "event", name, payload, handover });
    this.#onEvent(name, payload, handover);
  }

  #state(status) {
    if (status.state !== "connecting" && status.state !== "live") this.#handover = false;
    this.#status = status;
    this.#here();
    this.#onState(status);
    if (this.#name && isFinal(status)) this.#stepBack();
  }

  #stepBack() {
    this.#refused = true;
    this.#waiting = null; // not in the queue, but still on the channel
    this.#stopLeading();
  }

  #post(message) {
    this.#channel?.postMessage({ ...message, term: this.#term });
  }

  // Following

  #here() {
    this.#post({ what: "here", status: this.#status, connected: this.#connected });
  }

  #hear({ what, term, name, payload, handover, status, connected, message }) {
    if (what === "tab") return this.#onTab(message);
    if (what === "ask") {
      if (this.#connection) this.#here();
      return;
    }
    if (this.#connection || term < this.#term) return;
    this.#term = term;
    this.#heardAt = Date.now();
    clearTimeout(this.#unanswered);
    this.#unanswered = 0;
    if (what === "event") return this.#onEvent(name, payload, handover);
    if (isFinal(status) && !this.#refused) return; // that tab was refused; ours may have a better token
    this.#status = status;
    this.#connected = connected;
    this.#onState(status);
    if (connected) this.#onEvent("connected", connected);
  }

  #look = () => {
    if (document.visibilityState === "visible") this.#ask();
  };

  /** Is there anybody who leads? */
  #ask() {
    if (this.#connection || this.#unanswered) return;
    this.#post({ what: "ask" });
    this.#unanswered = setTimeout(() => {
      this.#unanswered = 0;
      if (this.#refused) return this.#retryRefused();
      this.#queue({ steal: true });
    }, ANSWER_WITHIN);
  }

  #retryRefused() {
    if (isFinal(this.#status)) return; // nobody leads, and our token is still the same
    this.#refused = false;
    this.#queue();
  }
}
