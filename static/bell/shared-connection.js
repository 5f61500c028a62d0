/** One connection for all tabs of a user: which tab has it, and how the others hear what it hears. */

import { isFinal } from "./connection.js";

/** @import { StateDetail } from "../eventide-bell.js" */
/** @import { EventListener, Payload, SharedEventListener, StateListener, TabListener, TabMessage } from "./types.js" */

/** @typedef {{ close(): void, refresh(token: string | null): void }} Connecting As much of `Connection` as is used. */

/**
 * What tabs tell each other: `ask` whether somebody leads, who then says `here`; to a new one that it is heard by a tab
 * that `follows`; each `event`; and what the model of one `tab` tells those of the others.
 *
 * @typedef {{ what: "ask" }
 *   | { what: "follows" }
 *   | { what: "here", status: StateDetail, connected: Payload | null }
 *   | { what: "event", name: string, payload: Payload, handover: boolean }
 *   | { what: "tab", message: TabMessage }} Message
 */

// Milliseconds
const ASK_EVERY = 5_000;
const ANSWER_WITHIN = 3_000;
const UNFOCUSED_WAITS = 150;
const HIDDEN_WAITS = 500;
const CLAIM_FOR = 10_000;

/** Of an id, which begins with its time: what all that are made within a quarter of a second have in common. */
const MOMENT = 11;

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** When this page is shown, or is not any more. */
const turned = () => new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));

/**
 * A connection to the server that all tabs with the same name share.
 *
 * Whoever holds the Web Lock of that name *leads*: it has the connection, and repeats on a BroadcastChannel whatever it
 * hears, before it heeds it itself, unless there are no others. These *follow*. The browser gives the lock on when its holder is closed or
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
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {Connecting | null} */
  #connection = null;
  /** @type {(() => void) | null} */
  #release = null;
  /** @type {AbortController | null} */
  #waiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #unanswered;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;
  #refused = false;
  #handover = false;
  #heardAt = 0;
  #term = 0; // of the newest leader known; what an older one still says, because it hung, is out of date
  /** @type {StateDetail} */
  #status = { state: "connecting" };
  /** @type {Payload | null} */
  #connected = null; // who is, with the count of now
  /** @type {Map<string, Promise<boolean>>} */
  #claims = new Map(); // by moment
  #hasMet = false; // others, on the channel
  #isAlone = false; // as far as is known

  /**
   * @param {string | null} name null for a connection of this tab's own
   * @param {{
   *   connect: (onEvent: EventListener, onState: StateListener) => Connecting,
   *   onEvent: SharedEventListener,
   *   onState: StateListener,
   *   onTab: TabListener,
   * }} options `connect`: makes a `Connection`
   */
  constructor(name, { connect, onEvent, onState, onTab }) {
    this.#name = name;
    this.#connect = connect;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#onTab = onTab;
  }

  open() {
    if (!this.#name) {
      this.#lead();
      return;
    }
    this.#refused = this.#hasMet = false;
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
    this.#unanswered = undefined;
    this.#status = { state: "connecting" };
  }

  get leads() {
    return this.#connection !== null;
  }

  /**
   * Tell all other tabs something, whoever leads.
   *
   * @param {TabMessage} message
   */
  post(message) {
    this.#post({ what: "tab", message });
  }

  /**
   * The token was renewed. Only who leads has any use for it.
   *
   * @param {string | null} token
   */
  refresh(token) {
    this.#connection?.refresh(token);
  }

  /**
   * Whether this tab is the one to show the reader something once: visible, and the first that asks. One that has the
   * focus is let go first. `hidden`: this one need not be visible, but lets all go first that are.
   *
   * What is made within a moment goes to one tab, with one lock, as long as that is as visible as it was then.
   *
   * @param {string} id
   * @param {{ hidden?: boolean }} [options]
   * @returns {Promise<boolean>}
   */
  async claim(id, { hidden = false } = {}) {
    const visible = () => document.visibilityState === "visible";
    if (!this.#name) return hidden || visible();
    if (!visible() && hidden) await pause(HIDDEN_WAITS);
    else if (!document.hasFocus()) await pause(UNFOCUSED_WAITS);
    if (!visible() && !hidden) return false;
    const moment = id.slice(0, MOMENT);
    const claim = this.#claims.get(moment) ?? this.#claimed(moment);
    this.#claims.set(moment, claim);
    if (!(await claim)) this.#claims.delete(moment); // who has it may go before the next
    return claim;
  }

  /** @param {string} moment */
  #claimed(moment) {
    return /** @type {Promise<boolean>} */ (new Promise((resolve) => {
      const keep = async (/** @type {Lock | null} */ lock) => {
        resolve(Boolean(lock));
        if (lock) await Promise.race([pause(CLAIM_FOR), turned()]);
        this.#claims.delete(moment);
      };
      navigator.locks.request(`${this.#name}:${moment}`, { ifAvailable: true }, keep).catch(() => resolve(false));
    }));
  }

  // Who leads

  /** @param {{ steal?: boolean }} options */
  #queue(options = {}) {
    this.#waiting?.abort();
    const name = /** @type {string} */ (this.#name);
    const waiting = (this.#waiting = new AbortController());
    const hold = () => (this.#waiting === waiting ? this.#lead(options.steal) : undefined);
    navigator.locks.request(name, options.steal ? options : { signal: waiting.signal }, hold).catch((error) => {
      if (this.#waiting !== waiting) return; // we have left the queue ourselves
      if (error.name !== "AbortError") return this.#lead(); // this page may have no locks: a connection of its own
      this.#stopLeading(); // our lock was taken away, because we did not answer
      this.#queue();
      this.#ask();
    });
  }

  /**
   * The promise keeps the lock until it is resolved.
   *
   * @param {boolean} stolen
   * @returns {Promise<void>}
   */
  #lead(stolen = false) {
    clearTimeout(this.#unanswered);
    this.#unanswered = undefined;
    this.#term = Math.max(this.#term + 1, Date.now());
    // The browser was connected until a moment ago: what comes while the leader changes is live, not missed.
    const recently = !stolen || Date.now() - this.#heardAt < 2 * ASK_EVERY + ANSWER_WITHIN;
    this.#handover = this.#status.state === "live" && recently;
    this.#isAlone = false;
    if (this.#name) this.#lookAround(this.#name);
    return new Promise((resolve) => {
      this.#release = resolve;
      this.#connection = this.#connect((name, payload) => this.#tell(name, payload), (status) => this.#state(status));
    });
  }

  /**
   * Nothing needs to be repeated, which takes as long as all else, while nobody waits to lead nor has said anything.
   *
   * @param {string} own
   */
  async #lookAround(own) {
    const { pending = [] } = await navigator.locks.query();
    this.#isAlone = !this.#hasMet && !pending.some(({ name }) => name === own);
  }

  #stopLeading() {
    this.#connection?.close();
    this.#release?.();
    this.#connection = this.#release = null;
  }

  /** @type {EventListener} */
  #tell(name, payload) {
    const handover = this.#handover;
    if (name === "catch_up_complete") this.#handover = false;
    const { unreadCount, unseenCount } = payload;
    if (name === "connected") this.#connected = payload;
    else if (unreadCount !== undefined) this.#connected = { ...this.#connected, unreadCount, unseenCount };
    if (!this.#isAlone) this.#post({ what: "event", name, payload, handover });
    this.#onEvent(name, payload, handover);
  }

  /** @type {StateListener} */
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

  /** @param {Message} message */
  #post(message) {
    this.#channel?.postMessage({ ...message, term: this.#term });
  }

  // Following

  #here() {
    this.#post({ what: "here", status: this.#status, connected: this.#connected });
  }

  /** @param {Message & { term: number }} message */
  #hear(message) {
    this.#hasMet = true;
    this.#isAlone = false;
    if (message.what === "follows") return;
    if (message.what === "tab") return this.#onTab(message.message);
    if (message.what === "ask") {
      if (this.#connection) this.#here();
      return;
    }
    if (this.#connection || message.term < this.#term) return;
    if (message.term > this.#term) this.#post({ what: "follows" });
    this.#term = message.term;
    this.#heardAt = Date.now();
    clearTimeout(this.#unanswered);
    this.#unanswered = undefined;
    if (message.what === "event") return this.#onEvent(message.name, message.payload, message.handover);
    const { status, connected } = message;
    if (isFinal(status) && !this.#refused) return; // that tab was refused; ours may have a better token
    this.#status = status;
    this.#connected = connected;
    this.#onState(status);
    if (connected) this.#onEvent("connected", connected, false);
  }

  #look = () => {
    if (document.visibilityState === "visible") this.#ask();
  };

  /** Is there anybody who leads? */
  #ask() {
    if (this.#connection || this.#unanswered) return;
    this.#post({ what: "ask" });
    this.#unanswered = setTimeout(() => {
      this.#unanswered = undefined;
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
