/** One connection to the server. */

import { loadSocketIo } from "./socket-io.js";

/** @import { ConnectionState, StateDetail } from "../eventide-bell.js" */
/** @import { EventListener, Io, Socket, StateListener } from "./types.js" */

export const RETRY_UNAVAILABLE = 3_000; // milliseconds

// A notification comes under each of two names, of which a server may be told to use only one.
/** @type {Record<string, string>} */
const EVENTS = {
  connected: "connected",
  notification: "notification",
  newNotification: "notification",
  global_notification: "notification",
  announcement: "notification",
  unread_count: "unread_count",
  notification_read: "notification_read",
  notification_updated: "notification_updated",
  notification_deleted: "notification_deleted",
  catch_up_complete: "catch_up_complete",
  reload: "reload",
};

/** With these the server sends one copy only; an older one sends all. */
export const NAMES = Object.keys(EVENTS).filter((event) => EVENTS[event] === "notification");

/** Connects, and stays connected, until it is closed, refused, or disconnected by the server for good. */
export class Connection {
  /** @type {Socket | null} */
  #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #closed = false;
  #last = { copy: "", event: "" };
  #options;
  #since = new Date();

  /**
   * @param {{
   *   base: string,
   *   io: Io | null,
   *   auth: () => Promise<object>,
   *   onExpiring: () => void,
   *   onEvent: EventListener,
   *   onState: StateListener,
   * }} options `base`: the service's address. `io`: Socket.IO's client, if the page has one. `auth`: promises what to
   *   authenticate with. `onExpiring`: the token will expire soon.
   */
  constructor(options) {
    this.#options = options;
    this.#open();
  }

  async #open() {
    this.#tell("connecting");
    try {
      const io = this.#options.io ?? (await loadSocketIo(this.#options.base));
      if (!this.#closed) this.#connect(io);
    } catch {
      this.#tell("offline", { since: this.#since });
      this.#retry = setTimeout(() => this.#open(), RETRY_UNAVAILABLE);
    }
  }

  /** @param {Io} io */
  #connect(io) {
    const { origin, pathname } = new URL(this.#options.base);
    const socket = io(`${origin}/notifications`, {
      path: `${pathname}socket.io/`,
      // Asked again for each connection, so that an expired token, or one of before a restart, is not sent again.
      auth: (/** @type {(auth: object) => void} */ answer) => this.#options.auth().then(answer, () => {
        // No token to be had is like no network: it is tried again.
        this.#tell("offline", { since: this.#since });
        if (!this.#closed) socket.io.engine?.close();
      }),
      // WebSocket at once; polling where a proxy (or EVENTIDE_TRANSPORTS) does not let it through.
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      forceNew: true,
    });
    this.#socket = socket;
    socket.on("connect", () => this.#tell("live"));
    socket.on("disconnect", () => {
      this.#since = new Date();
      this.#tell(socket.active ? "reconnecting" : "closed");
    });
    socket.on("connect_error", (error) => this.#failed(socket, error));
    socket.on("token_expiring", () => this.#options.onExpiring());
    for (const [event, name] of Object.entries(EVENTS)) {
      socket.on(event, (payload) => {
        if (name === "notification") {
          const copy = `${payload.id} ${payload.replayed} ${payload.reminder}`;
          if (copy === this.#last.copy && event !== this.#last.event) return; // under its other name
          this.#last = { copy, event };
        }
        this.#options.onEvent(name, payload);
      });
    }
  }

  /**
   * The same user's next token, for a connection that is open.
   *
   * @param {string | null} token
   */
  refresh(token) {
    if (this.#socket?.connected) this.#socket.emit("refresh_token", { token }, () => {});
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.off();
    this.#socket?.disconnect();
  }

  /**
   * @param {Socket} socket
   * @param {Error & { data?: { code?: string } }} error
   */
  #failed(socket, error) {
    // Active: the network failed, and the client tries again by itself. Otherwise the server has answered no.
    if (socket.active) return this.#tell("offline", { since: this.#since });
    const code = error.data?.code ?? error.message;
    this.#tell("refused", { code });
    if (code === "unavailable") this.#retry = setTimeout(() => socket.connect(), RETRY_UNAVAILABLE);
  }

  /**
   * @param {ConnectionState} state
   * @param {{ since?: Date, code?: string }} [more]
   */
  #tell(state, more) {
    if (!this.#closed) this.#options.onState({ state, ...more });
  }
}

/**
 * Whether a connection will not come back by itself.
 *
 * @param {StateDetail} status
 */
export const isFinal = ({ state, code }) => state === "closed" || (state === "refused" && code !== "unavailable");
