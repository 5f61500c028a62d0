/** What links this tab with the service: the user's token, requests, and a connection, shared with other tabs. */

import { Connection, NAMES, RETRY_UNAVAILABLE } from "./connection.js";
import { identityOf, sharedName } from "./identity.js";
import { Problem, request } from "./rest.js";
import { SharedConnection } from "./shared-connection.js";

/** @import { TokenSource } from "../eventide-bell.js" */
/** @import { Io, SharedEventListener, StateListener, TabListener, TabMessage } from "./types.js" */

const FRESH = 5_000; // milliseconds

/**
 * It begins with `start`; a page that is left or frozen loses its connection, and begins anew when it is back. So it
 * does when `getToken` gives a token of another user.
 */
export class Link {
  #options;
  /** @type {string | null | undefined} */
  #token;
  /** @type {string | null | undefined} */
  #identity;
  /** @type {SharedConnection | null} */
  #connection = null;
  #started = false;
  #epoch = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #beginTimer;

  /**
   * @param {{
   *   base: string,
   *   getToken: TokenSource,
   *   io: Io | null,
   *   sharing: boolean,
   *   newest: () => string | undefined,
   *   onBegin: () => void,
   *   onOpen: () => void,
   *   onLeave: () => void,
   *   onOther: () => void,
   *   onEvent: SharedEventListener,
   *   onState: StateListener,
   *   onTab: TabListener,
   * }} options `base`: the service's address, with a slash at its end. `newest`: the id of the newest notification
   *   that is known, after which replay begins. `onBegin`, `onOpen`, `onLeave`: of a connection. `onOther`: another
   *   user is signed in.
   */
  constructor(options) {
    this.#options = options;
  }

  /** Counts up whenever answers that are on their way are no longer wanted. */
  get epoch() { return this.#epoch; }
  get started() { return this.#started; }
  get isOpen() { return this.#connection !== null; }
  /** Whether it is this tab that has the connection. */
  get leads() { return this.#connection?.leads ?? false; }

  start() {
    this.#started = true;
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#return);
    document.addEventListener("freeze", this.#leave);
    document.addEventListener("resume", this.#return);
    this.#begin();
  }

  close() {
    this.#started = false;
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#return);
    document.removeEventListener("freeze", this.#leave);
    document.removeEventListener("resume", this.#return);
    this.#leave();
  }

  /** Connect again, now. */
  again() {
    this.#leave();
    return this.#begin();
  }

  /** There is a new token. It is used from now on, and the connection is told. */
  async renew() {
    const before = this.#token;
    const token = await this.#renewed().catch(() => before);
    if (token !== before) this.#connection?.refresh(token ?? null);
  }

  /**
   * A request below /v1/notifications. A token that is refused is renewed, once.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async call(method, path, body) {
    const address = `${this.#options.base}v1/notifications${path}`;
    const identity = this.#identity;
    try {
      return await request(this.#token ?? (await this.#renewed()), method, address, body);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      const token = await this.#renewed();
      if (identity !== this.#identity) throw problem; // what one user has asked for is not done to another's
      return request(token, method, address, body);
    }
  }

  /**
   * Tell the other tabs something.
   *
   * @param {TabMessage} message
   */
  post(message) {
    this.#connection?.post(message);
  }

  /**
   * Whether this is the one tab to tell the reader of something.
   *
   * @param {string} id
   * @param {{ hidden?: boolean }} [options]
   */
  async claim(id, options) {
    return this.#connection ? this.#connection.claim(id, options) : false;
  }

  async #begin() {
    const { base, io, sharing, newest, onBegin, onOpen, onEvent, onState, onTab } = this.#options;
    const epoch = ++this.#epoch;
    onBegin();
    const token = await this.#renewed().catch(() => undefined);
    if (epoch !== this.#epoch) return;
    if (token === undefined) { // the page cannot give one now; who this is decides with whom it is shared
      onState({ state: "offline", since: new Date() });
      this.#beginTimer = setTimeout(() => this.#begin(), RETRY_UNAVAILABLE);
      return;
    }
    const renewedAt = Date.now();
    let isFirst = true;
    const name = sharing ? await sharedName(base, identityOf(token ?? "")) : null;
    if (epoch !== this.#epoch) return;
    this.#connection = new SharedConnection(name, {
      connect: (heard, told) => new Connection({
        base,
        io,
        auth: async () => {
          // Who connects at once has just been given a token; who takes over later needs the one of then.
          const isFresh = isFirst && Date.now() - renewedAt < FRESH;
          isFirst = false;
          return { token: isFresh ? token : await this.#renewed(), since: newest(), names: NAMES };
        },
        onExpiring: () => this.renew(),
        onEvent: heard,
        onState: told,
      }),
      onEvent: (...event) => epoch === this.#epoch && onEvent(...event),
      onState: (status) => epoch === this.#epoch && onState(status),
      onTab: (message) => epoch === this.#epoch && onTab(message),
    });
    this.#connection.open();
    onOpen();
  }

  /** Whoever is frozen must neither lead nor wait to. */
  #leave = () => {
    this.#options.onLeave();
    this.#epoch += 1;
    this.#connection?.close();
    this.#connection = null;
    clearTimeout(this.#beginTimer);
  };

  #return = (/** @type {Event} */ event) => {
    if (event instanceof PageTransitionEvent && !event.persisted) return;
    if (this.#started && !this.#connection) this.#begin();
  };

  /** What `getToken` gives now. Somebody else's token: everything begins anew. */
  async #renewed() {
    const token = (await this.#options.getToken()) ?? null;
    const identity = identityOf(token ?? "");
    const other = this.#identity !== undefined && identity !== this.#identity && this.#started;
    if (other) this.#leave(); // what was deleted is so, while the token is still the old one
    this.#identity = identity;
    this.#token = token;
    if (!other) return token;
    this.#options.onOther();
    this.#begin();
    throw new Problem(401, { code: "unauthorized", detail: "Another user is signed in." });
  }
}
