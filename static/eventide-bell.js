/**
 * <eventide-bell>: a bell with a badge, a list and toasts, for any page; and `Inbox`, the model that it shows.
 *
 *   <script type="module" src="https://notify.example.com/client/eventide-bell.js"></script>
 *   <eventide-bell token="…"></eventide-bell>
 *
 * How what happens gets from the server onto the screen, and back:
 *
 *   server ──Socket.IO──▶ Connection ─┐            only in the tab that leads
 *                                     ▼
 *   other tabs ◀──BroadcastChannel── Line          a Web Lock decides who leads; the others hear what it hears
 *                                     │ events, state
 *   server ◀──────REST────────────▶ Inbox          which notifications there are; in every tab one
 *                                     │ change, notification, unread, state
 *                                     ▼
 *                               EventideBell       rows, badge, toasts; its clicks are the Inbox's methods
 *
 * - Counts are the server's, from its events and answers. Nothing here adds or subtracts.
 * - A notification is shown once, however often and by whichever transport it comes: its id decides.
 * - Subscribe first, read the list second: whatever comes in between comes twice rather than never.
 * - Whatever a notification says is text: nothing of it is ever parsed as HTML.
 * - No token leaves the tab but to the service: neither through the channel nor in the name of a lock.
 *
 * All exports, attributes, properties, events, CSS custom properties and parts are described in eventide-bell.d.ts.
 */

const HOME = new URL("..", import.meta.url).href;
const PAGE = 30;
const PAGE_MAX = 100; // the server's limit
const PARALLEL = 6; // what a browser does at once over HTTP/1.1
const SECOND = 1000;
const RETRY_UNAVAILABLE = 3 * SECOND;
const RETRY_LIST = [2, 5, 15, 30].map((seconds) => seconds * SECOND);
const FRESH = 5 * SECOND;
const RELOAD_WITHIN = 2 * SECOND; // all clients are asked to at once, and must not ask back at once
const READ_WITHOUT_LIVE = SECOND; // how long the list waits for the connection, which should come first
const ASK_EVERY = 5 * SECOND;
const ANSWER_WITHIN = 3 * SECOND;
const UNFOCUSED_WAITS = 150;
const CLAIM_FOR = 10 * SECOND;
const UNDO_FOR = 8 * SECOND;
const TOAST_FOR = 7 * SECOND;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ---------------------------------------------------------------------------------------------------------------------
// Small things that others need too

/** Where a link leads: a URL when it is http or https, or relative and so on the page's own host; otherwise null. */
export function safeUrl(link) {
  try {
    const url = new URL(link, document.baseURI);
    if (!["http:", "https:"].includes(url.protocol)) return null;
    // "//evil.example" looks like a path.
    return /^https?:/i.test(link) || url.host === new URL(document.baseURI).host ? url : null;
  } catch {
    return null;
  }
}

const UNITS = [
  ["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60],
];
const formats = new Map();

/** "now", "42s ago", "yesterday". A server whose clock is ahead is not in the future. */
export function ago(time, now = Date.now(), locale = "en") {
  const seconds = Math.max(0, Math.round((now - new Date(time)) / 1000));
  if (Number.isNaN(seconds)) return "";
  if (!formats.has(locale)) {
    formats.set(locale, new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "narrow" }));
  }
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return formats.get(locale).format(seconds < 5 ? 0 : -Math.floor(seconds / size), unit);
}

/** "NEW_COMMENT" is shown as "New comment". */
export const readable = (type) => type.charAt(0) + type.slice(1).toLowerCase().replaceAll("_", " ");

// ---------------------------------------------------------------------------------------------------------------------
// REST

/** What the server answered instead of what was asked for: its `application/problem+json`. */
export class Problem extends Error {
  constructor(status, { code = "unknown", detail = `The server answered ${status}.`, errors = [] } = {}) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}

async function request(token, method, address, body) {
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    // keepalive: a change must survive that the reader follows the notification's link at the same time.
    answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), keepalive: method !== "GET" });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached." });
  }
  const content = answer.status === 204 ? null : await answer.json().catch(() => undefined);
  if (!answer.ok || content === undefined) throw new Problem(answer.status, content);
  return content;
}

// ---------------------------------------------------------------------------------------------------------------------
// Who somebody is

const RENEWED = new Set(["exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash"]);

/**
 * What all tokens of one user have in common, and those of another have not; null when this is no JWT.
 *
 * Which claim names the user is the server's setting. So all claims count, except those that are another with each
 * token: whoever agrees in all of them is the same user, whichever claim it is. Two tokens of one user that differ in
 * more than these do not share a connection, which costs a socket and shows nobody what is not theirs.
 */
function identityOf(token) {
  try {
    const part = token.replace(/^Bearer\s+/i, "").split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const text = new TextDecoder().decode(Uint8Array.from(atob(part), (character) => character.codePointAt(0)));
    const claims = Object.entries(JSON.parse(text)).filter(([name]) => !RENEWED.has(name));
    return JSON.stringify(claims.sort(([a], [b]) => (a < b ? -1 : 1)));
  } catch {
    return null;
  }
}

/** The name under which the tabs of one user find each other; null where they cannot, or must not. */
async function lineName(base, identity) {
  if (!identity || !navigator.locks || !globalThis.BroadcastChannel || !globalThis.crypto?.subtle) return null;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${base} ${identity}`));
  return `eventide:${[...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// ---------------------------------------------------------------------------------------------------------------------
// The connection to the server

const scripts = new Map();

/**
 * Socket.IO's client: the page's own, or the service's, which is loaded once.
 *
 * The service hands out its own copy, or, where that is missing, redirects to a public CDN. Either must have the hash
 * that the service knows.
 */
function loadSocketIo(base) {
  if (globalThis.io?.protocol === 5) return globalThis.io;
  if (!scripts.has(base)) {
    const loading = loadScript(base);
    scripts.set(base, loading);
    loading.catch(() => scripts.delete(base)); // the next one tries again
  }
  return scripts.get(base);
}

async function loadScript(base) {
  const name = "socket.io.min.js";
  const known = await fetch(`${base}client/vendor/integrity.json`);
  if (!known.ok) throw new Error("Socket.IO's client is not known here");
  const script = document.createElement("script");
  script.crossOrigin = "anonymous"; // without it a hash cannot be checked across origins
  script.integrity = (await known.json()).files[name].integrity;
  script.src = `${base}socket.io/${name}`;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
  script.remove();
  const { io } = globalThis;
  delete globalThis.io; // what the page calls so is the page's
  return io;
}

// A notification comes under each of two names, of which a server may be told to use only one.
const EVENTS = {
  connected: "connected",
  notification: "notification",
  newNotification: "notification",
  global_notification: "announcement",
  announcement: "announcement",
  unread_count: "unread_count",
  notification_read: "notification_read",
  notification_deleted: "notification_deleted",
  catch_up_complete: "catch_up_complete",
  reload: "reload",
};

/** Connects, and stays connected, until it is closed, refused, or disconnected by the server for good. */
class Connection {
  #socket = null;
  #retry = 0;
  #closed = false;
  #last = "";
  #options;
  #since = new Date();

  /**
   * `base`: the service's address. `io`: Socket.IO's client or null. `auth`: promises what to authenticate with.
   * `onExpiring`: the token will expire soon. `onEvent(name, payload)`, `onState({state, since, code})`.
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

  #connect(io) {
    const { origin, pathname } = new URL(this.#options.base);
    const socket = io(`${origin}/notifications`, {
      path: `${pathname}socket.io/`,
      // Asked again for each connection, so that an expired token, or one of before a restart, is not sent again.
      auth: (answer) => this.#options.auth().then(answer, () => {
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
    socket.on("connect_error", (error) => this.#failed(error));
    socket.on("token_expiring", () => this.#options.onExpiring());
    for (const [event, name] of Object.entries(EVENTS)) {
      socket.on(event, (payload) => {
        if (name === "notification" || name === "announcement") {
          const copy = `${payload.id} ${payload.replayed}`;
          if (copy === this.#last) return;
          this.#last = copy;
        }
        this.#options.onEvent(name, payload);
      });
    }
  }

  /** The same user's next token, for a connection that is open. */
  refresh(token) {
    if (this.#socket?.connected) this.#socket.emit("refresh_token", { token }, () => {});
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.off();
    this.#socket?.disconnect();
  }

  #failed(error) {
    // Active: the network failed, and the client tries again by itself. Otherwise the server has answered no.
    if (this.#socket.active) return this.#tell("offline", { since: this.#since });
    const code = error.data?.code ?? error.message;
    this.#tell("refused", { code });
    if (code === "unavailable") this.#retry = setTimeout(() => this.#socket.connect(), RETRY_UNAVAILABLE);
  }

  #tell(state, more) {
    if (!this.#closed) this.#options.onState({ state, ...more });
  }
}

/** Whether a connection will not come back by itself. */
const isFinal = ({ state, code }) => state === "closed" || (state === "refused" && code !== "unavailable");

// ---------------------------------------------------------------------------------------------------------------------
// One connection for all tabs

/**
 * A line to the server that all tabs with the same name share.
 *
 * Whoever holds the Web Lock of that name *leads*: it has the connection, and repeats on a BroadcastChannel whatever it
 * hears, before it heeds it itself. The others *follow*. The browser gives the lock on when its holder is closed or
 * crashes. A page that will be frozen gives it up in time (`close`); and one that hangs, or is put to sleep without
 * being told, is found out because it does not answer a visible tab: its lock is taken away.
 *
 * A tab whose token is refused steps back and lets the others try; it follows, until it has a new one (`open`).
 */
class Line {
  #name;
  #connect;
  #onEvent;
  #onState;
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
   * `name`: null for a line of this tab's own. `connect(onEvent, onState)`: makes a `Connection`.
   * `onEvent(name, payload, handover)`: with whether the leader is changing.
   */
  constructor(name, { connect, onEvent, onState }) {
    this.#name = name;
    this.#connect = connect;
    this.#onEvent = onEvent;
    this.#onState = onState;
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

  /** The token was renewed. Only who leads has any use for it. */
  refresh(token) {
    this.#connection?.refresh(token);
  }

  /**
   * Whether this tab is the one to show the reader something once: visible, and the first that asks. One that has the
   * focus is let go first.
   */
  async claim(id) {
    const visible = () => document.visibilityState === "visible";
    if (!this.#name) return visible();
    if (visible() && !document.hasFocus()) await pause(UNFOCUSED_WAITS);
    if (!visible()) return false;
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
      if (error.name !== "AbortError") return this.#lead(); // this page may have no locks: a line of its own
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
    const { unreadCount } = payload;
    if (name === "connected") this.#connected = payload;
    else if (unreadCount !== undefined) this.#connected = { ...this.#connected, unreadCount };
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

  #hear({ what, term, name, payload, handover, status, connected }) {
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

// ---------------------------------------------------------------------------------------------------------------------
// The model

const PROGRESS = ["PENDING", "DELIVERED", "READ"];

/** The notifications of one user: newest first, each once, as the server has them. See eventide-bell.d.ts. */
export class Inbox extends EventTarget {
  #base;
  #getToken;
  #io;
  #sharing;
  #token;
  #identity;
  #line = null;
  #started = false;
  #session = 0; // counts up whenever answers that are on their way are no longer wanted
  #status = { state: "closed" };
  #count = null;
  #userId;
  #items = new Map();
  #sorted = null;
  #told = new Set(); // of these there was an event
  #removed = new Set(); // a copy that was on its way when it was removed must not bring it back
  #hidden = new Map(); // removed soon, unless that is undone
  #claimed = new Set();
  #newest;
  #cursor = null;
  #loaded = false;
  #current = false; // whether the list was read since this tab joined the line
  #problem = null;
  #filter = {};
  #work = Promise.resolve();
  #refreshing = false;
  #stale = false;
  #failures = 0;
  #beginTimer = 0;
  #listTimer = 0;
  #reloadTimer = 0;

  constructor({ url = HOME, getToken, io = null, sharing = true }) {
    super();
    this.#base = new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI).href;
    this.#getToken = getToken;
    this.#io = io;
    this.#sharing = sharing;
  }

  get items() {
    this.#sorted ??= [...this.#items.values()]
      .filter((item) => !this.#hidden.has(item.id))
      .sort((a, b) => (a.id < b.id ? 1 : -1)); // ids sort as text in the order of creation
    return this.#sorted;
  }

  get unreadCount() { return this.#count; }
  get state() { return this.#status.state; }
  get since() { return this.#status.since; }
  get code() { return this.#status.code; }
  get userId() { return this.#userId; }
  get hasOlder() { return this.#cursor !== null; }
  get loaded() { return this.#loaded; }
  get problem() { return this.#problem; }
  get filter() { return this.#filter; }

  // Life

  start() {
    if (this.#started) return;
    this.#started = true;
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#return);
    document.addEventListener("freeze", this.#leave);
    document.addEventListener("resume", this.#return);
    document.addEventListener("visibilitychange", this.#looked);
    this.#begin();
  }

  close() {
    if (!this.#started) return;
    this.#started = false;
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#return);
    document.removeEventListener("freeze", this.#leave);
    document.removeEventListener("resume", this.#return);
    document.removeEventListener("visibilitychange", this.#looked);
    this.#leave();
    this.#setStatus({ state: "closed" });
  }

  /** Try again, now, what failed: the connection and the list. */
  retry() {
    if (["live", "connecting"].includes(this.state)) return this.refresh();
    this.#leave();
    return this.#begin();
  }

  /** There is a new token. It is used from now on, and the connection is told. */
  async renew() {
    if (!this.#started) return;
    if (!this.#line || ["refused", "closed"].includes(this.state)) return this.retry();
    const before = this.#token;
    const token = await this.#renewed().catch(() => before);
    if (token !== before) this.#line?.refresh(token);
  }

  async #begin() {
    const session = ++this.#session;
    this.#current = false;
    this.#setStatus({ state: "connecting" });
    const token = await this.#renewed().catch(() => undefined);
    if (session !== this.#session) return;
    if (token === undefined) { // the page cannot give one now; who this is decides which line it is
      this.#setStatus({ state: "offline", since: new Date() });
      this.#beginTimer = setTimeout(() => this.#begin(), RETRY_UNAVAILABLE);
      return;
    }
    const renewedAt = Date.now();
    let isFirst = true;
    const name = this.#sharing ? await lineName(this.#base, identityOf(token ?? "")) : null;
    if (session !== this.#session) return;
    this.#line = new Line(name, {
      connect: (onEvent, onState) => new Connection({
        base: this.#base,
        io: this.#io,
        auth: async () => {
          // Who connects at once has just been given a token; who takes over later needs the one of then.
          const isFresh = isFirst && Date.now() - renewedAt < FRESH;
          isFirst = false;
          return { token: isFresh ? token : await this.#renewed(), since: this.#newest };
        },
        onExpiring: () => this.renew(),
        onEvent,
        onState,
      }),
      onEvent: (...event) => session === this.#session && this.#heard(...event),
      onState: (status) => session === this.#session && this.#setStatus(status),
    });
    this.#line.open();
    this.#listTimer = setTimeout(() => this.#current || this.refresh(), READ_WITHOUT_LIVE);
  }

  /** Whoever is frozen must neither lead nor wait to. */
  #leave = () => {
    for (const soon of [...this.#hidden.values()]) soon?.now();
    this.#session += 1;
    this.#line?.close();
    this.#line = null;
    clearTimeout(this.#beginTimer);
    clearTimeout(this.#listTimer);
    clearTimeout(this.#reloadTimer);
    this.#reloadTimer = 0;
  };

  #return = (event) => {
    if (event.type === "pageshow" && !event.persisted) return;
    if (this.#started && !this.#line) this.#begin();
  };

  #looked = () => {
    if (this.#stale && document.visibilityState === "visible") this.refresh();
  };

  /** What `getToken` gives now. Somebody else's token: everything begins anew. */
  async #renewed() {
    const token = (await this.#getToken()) ?? null;
    const identity = identityOf(token ?? "");
    if (this.#identity !== undefined && identity !== this.#identity && this.#started) {
      this.#leave(); // what was deleted is so, while the token is still the old one
      this.#identity = identity;
      this.#token = token;
      this.#forget();
      this.#begin();
      throw new Problem(401, { code: "unauthorized", detail: "Another user is signed in." });
    }
    this.#identity = identity;
    this.#token = token;
    return token;
  }

  #forget() {
    for (const each of [this.#items, this.#told, this.#removed, this.#hidden, this.#claimed]) each.clear();
    this.#newest = this.#userId = undefined;
    this.#cursor = this.#problem = null;
    this.#loaded = false;
    this.#count = null;
    this.#emit("unread", { unreadCount: null });
    this.#changed();
  }

  async #call(method, path, body) {
    const address = `${this.#base}v1/notifications${path}`;
    try {
      return await request(this.#token ?? (await this.#renewed()), method, address, body);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      return request(await this.#renewed(), method, address, body);
    }
  }

  // What the server tells

  #heard(event, payload, handover) {
    if (event === "connected") this.#userId = payload.userId;
    if (event === "notification") this.#arrived(payload, handover);
    if (event === "announcement") {
      this.#arrived(payload, handover);
      this.#confirm();
    }
    if (event === "notification_read") {
      const { ids, all, upTo } = payload;
      this.#read(all ? [...this.#items.keys()].filter((id) => !upTo || id <= upTo) : ids);
    }
    if (event === "notification_deleted") this.#drop(payload.ids);
    if (event === "catch_up_complete") this.#refreshOrLater();
    if (event === "reload") this.#refreshSoon();
    this.#setCount(payload.unreadCount);
  }

  /**
   * Some announcements are not kept by the server: nobody can read or count them. `passing` until a list has it.
   */
  #arrived({ replayed = false, ...item }, handover) {
    const known = this.#items.has(item.id) || this.#removed.has(item.id);
    const passing = item.userId === undefined && (this.#items.get(item.id)?.passing ?? true);
    this.#merge({ ...item, passing });
    this.#changed();
    // A replay may be of what the list had; what is live is news, even if a list was quicker.
    const isNews = !this.#told.has(item.id) && !(replayed && known);
    this.#told.add(item.id);
    const notification = this.#items.get(item.id) ?? item;
    if (isNews) this.#emit("notification", { notification, replayed: replayed && !handover });
  }

  #setCount(count) {
    if (count === undefined || count === this.#count) return; // a retracted announcement may come without a count
    this.#count = count;
    this.#emit("unread", { unreadCount: count });
  }

  #setStatus(status) {
    const before = this.#status;
    this.#status = status;
    if (before.state === status.state && before.code === status.code && `${before.since}` === `${status.since}`) return;
    this.#emit("state", status);
    // A tab that follows was not there when the leader's connection began.
    if (this.#current) return;
    if (status.state === "live" && !this.#line.leads) this.#refreshOrLater();
    if (["offline", "refused"].includes(status.state)) this.refresh();
  }

  // Items

  /** Whether it is new in the list. */
  #merge(item) {
    if (this.#removed.has(item.id)) return false;
    if (!this.#newest || item.id > this.#newest) this.#newest = item.id;
    const known = this.#items.get(item.id);
    if (known) this.#update(item.id, item);
    else if (this.#matches(item)) this.#items.set(item.id, item);
    this.#sorted = null;
    return !known && this.#items.has(item.id);
  }

  #matches(item) {
    const { unread, type } = this.#filter;
    return (!unread || !item.read) && (!type || item.type === type);
  }

  #update(id, changes) {
    const known = this.#items.get(id);
    if (!known) return;
    // An answer can be overtaken by an event. A status never goes back, so the further one is the newer one.
    const stale = PROGRESS.indexOf(changes.status) < PROGRESS.indexOf(known.status);
    const passing = changes.passing ?? known.passing;
    this.#items.set(id, { ...(stale ? { ...changes, ...known } : { ...known, ...changes }), passing });
    this.#sorted = null;
  }

  #read(ids) {
    for (const id of ids) this.#update(id, { status: "READ", read: true });
    this.#changed();
  }

  #drop(ids) {
    for (const id of ids) {
      this.#items.delete(id);
      this.#hidden.delete(id);
      this.#removed.add(id);
    }
    this.#changed();
  }

  #changed() {
    this.#sorted = null;
    this.#emit("change");
  }

  // The list

  /** Make the list what the server says. */
  refresh() {
    if (this.#refreshing) return this.#work; // one that waits will see what this one would
    this.#refreshing = true;
    return this.#alone((session) => {
      this.#refreshing = false;
      return this.#readList(session);
    });
  }

  /** All tabs hear that the connection is new. Only who is looked at asks the server at once. */
  #refreshOrLater() {
    this.#stale = true;
    if (document.visibilityState === "visible") this.refresh();
  }

  /** Changes of state may not have come. Each tab hears of it, and asks for itself. */
  #refreshSoon() {
    this.#reloadTimer ||= setTimeout(() => {
      this.#reloadTimer = 0;
      this.#refreshOrLater();
    }, Math.random() * RELOAD_WITHIN);
  }

  loadOlder() {
    return this.#alone(async (session) => {
      let added = 0;
      while (!added && this.#cursor) { // what was replayed is here already: go on to what is not
        const page = await this.#page(PAGE, this.#cursor);
        if (session !== this.#session) return;
        added = page.notifications.filter((item) => this.#merge({ ...item, passing: false })).length;
        this.#cursor = page.nextCursor;
      }
      this.#changed();
    });
  }

  setFilter({ unread = false, type = "" } = {}) {
    this.#filter = { unread, type };
    this.#items.clear();
    this.#cursor = null;
    this.#loaded = false;
    this.#changed();
    return this.refresh();
  }

  #page(limit, cursor) {
    const query = new URLSearchParams({ limit });
    if (cursor) query.set("cursor", cursor);
    if (this.#filter.unread) query.set("unread", true);
    if (this.#filter.type) query.set("type", this.#filter.type);
    return this.#call("GET", `?${query}`);
  }

  /** The newest pages, as many as are shown: what they do not have is gone, unless it arrived in the meantime. */
  async #readList(session) {
    this.#stale = false;
    const before = [...this.#items.keys()];
    const filter = this.#filter;
    const wanted = Math.max(before.length, PAGE);
    const found = [];
    let cursor = null;
    do {
      const page = await this.#page(Math.min(wanted - found.length, PAGE_MAX), cursor);
      if (session !== this.#session || filter !== this.#filter) return;
      // Live, events tell the count, and this answer may be older than they are.
      if (!cursor && (this.state !== "live" || this.#count === null)) this.#setCount(page.unreadCount);
      found.push(...page.notifications);
      cursor = page.nextCursor;
    } while (cursor && found.length < wanted);
    const listed = new Set(found.map((item) => item.id));
    for (const id of before) if (!listed.has(id) && !this.#items.get(id)?.passing) this.#items.delete(id);
    for (const item of found) this.#merge({ ...item, passing: false });
    this.#cursor = cursor;
    this.#loaded = this.#current = true;
    this.#problem = null;
    this.#failures = 0;
    this.#changed();
  }

  /** Which of the newest are in the list: announcements may not be. */
  async #confirm() {
    const session = this.#session;
    const page = await this.#call("GET", "?limit=10").catch(() => null);
    if (!page || session !== this.#session) return;
    for (const item of page.notifications) this.#update(item.id, { ...item, passing: false });
    this.#changed();
  }

  /** One after the other. What fails is told, and tried again if the list is still wanted. */
  #alone(task) {
    this.#work = this.#work.then(async () => {
      const session = this.#session;
      try {
        await task(session);
      } catch (problem) {
        if (session === this.#session) this.#failed(problem);
      }
    });
    return this.#work;
  }

  #failed(problem) {
    this.#problem = problem;
    this.#emit("problem", { problem });
    this.#changed();
    if ([401, 403].includes(problem.status)) return;
    clearTimeout(this.#listTimer);
    this.#listTimer = setTimeout(() => this.refresh(), RETRY_LIST[Math.min(this.#failures++, RETRY_LIST.length - 1)]);
  }

  // What the reader does

  markRead(ids) {
    const unread = ids.filter((id) => !this.#items.get(id)?.read && !this.#items.get(id)?.passing);
    return this.#change(unread, (id) => this.#call("PUT", `/${id}/read`), (done) => this.#read(done));
  }

  /** Not what arrives meanwhile, which nobody has seen. */
  async markAllRead() {
    const upTo = this.#newest;
    if (!upTo) return;
    await this.#attempt(async () => {
      await this.#call("PUT", "/read-all", { upTo });
      this.#read([...this.#items.keys()].filter((id) => id <= upTo));
      await this.#countIfAlone();
    });
  }

  remove(ids) {
    return this.#change(ids, (id) => this.#call("DELETE", `/${id}`), (done) => this.#drop(done));
  }

  removeSoon(ids, wait = UNDO_FOR) {
    let timer = 0;
    let settle;
    const end = (then) => () => {
      clearTimeout(timer);
      const mine = ids.filter((id) => this.#hidden.get(id) === soon);
      if (mine.length) then(mine);
      settle();
    };
    const show = (mine) => {
      for (const id of mine) this.#hidden.delete(id);
      this.#changed();
    };
    const soon = {
      done: new Promise((resolve) => (settle = resolve)),
      undo: end(show),
      now: end((mine) => {
        for (const id of mine) this.#hidden.set(id, null); // until it is gone; what could not be removed is back
        this.remove(mine).finally(() => show(mine));
      }),
      hold: () => clearTimeout(timer),
      go() {
        clearTimeout(timer);
        timer = setTimeout(soon.now, wait);
      },
    };
    for (const id of ids) this.#hidden.set(id, soon);
    soon.go();
    this.#changed();
    return soon;
  }

  /** Whether this is the one place that should tell the reader of it: of all visible tabs one, and in it once. */
  async claim(id) {
    if (this.#claimed.has(id)) return false;
    this.#claimed.add(id);
    return this.#line ? this.#line.claim(id) : false;
  }

  /** Each of these by REST, some at a time. Those that are not there any more are gone, which is nobody's fault. */
  #change(ids, call, done) {
    return this.#attempt(async () => {
      const waiting = [...ids];
      const work = async () => {
        for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
          try {
            await call(id);
            done([id]);
          } catch (problem) {
            if (problem.status !== 404) throw problem;
            this.#drop([id]);
          }
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, work));
      await this.#countIfAlone();
    });
  }

  /** All connections of the user are told of a change by events. Without a connection we ask. */
  async #countIfAlone() {
    const session = this.#session;
    if (this.state === "live") return;
    const { unreadCount } = await this.#call("GET", "/unread-count");
    if (session === this.#session) this.#setCount(unreadCount);
  }

  async #attempt(action) {
    try {
      await action();
      return true;
    } catch (problem) {
      this.#emit("problem", { problem });
      return false;
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The view: elements, made one by one, so that no text is ever parsed

const STRINGS = {
  locale: "en",
  title: "Notifications",
  label: (count) => (count ? `Notifications, ${count} unread` : "Notifications"),
  unread: "Unread",
  markAllRead: "Mark all read",
  markRead: "Mark as read",
  remove: "Delete",
  rowAction: (action, name) => `${action}: ${name}`,
  removed: "Notification deleted",
  undo: "Undo",
  announcement: "Announcement",
  viewAll: "View all",
  loading: "Loading …",
  allLoaded: "That is all",
  empty: "All quiet",
  emptyHint: "What arrives for you appears here at once.",
  problem: "The notifications could not be loaded",
  retry: "Try again",
  dismiss: "Dismiss",
  toasts: "New notifications",
  arrived: (name) => `New notification: ${name}`,
  connecting: "Connecting …",
  live: "Live",
  reconnecting: "Reconnecting …",
  offline: (since) => `Offline since ${since}`,
  refused: "Not signed in",
  refusedHint: (code) => REFUSALS[code] ?? "The server refused the connection.",
  closed: "Not connected",
};

const REFUSALS = {
  token_missing: "No token was given.",
  token_expired: "Your session has expired.",
  token_invalid: "Your session is not valid here.",
  unavailable: "The server is full or stopping. Trying again.",
};

const ICONS = {
  bell: "M6 10a6 6 0 0 1 12 0c0 4.500 1.800 5.600 1.800 6.800H4.200C4.200 15.600 6 14.500 6 10M10 20a2 2 0 0 0 4 0",
  check: "m5 12.500 4.500 4.500L19 7.500",
  cross: "M6.500 6.500l11 11M17.500 6.500l-11 11",
  bin: "M5 7h14M10 7V5h4v2M7 7l.8 12h8.400L17 7M10.500 10.500v5M13.500 10.500v5",
  horn: "M4 10v4h3l9 4.500v-13L7 10zM19 9.500c.9 1.600.9 3.400 0 5",
  comment: "M5 5.500h14v9.500h-7.500L8 18.500V15H5z",
  mention: "M15.500 12a3.500 3.500 0 1 1-7 0 3.500 3.500 0 0 1 7 0zm0 0c0 3.600 4 3 4-.5a7.600 7.600 0 1 0-3 6",
  heart: "M12 19s-7-4.300-7-9.300a3.700 3.700 0 0 1 7-1.700 3.700 3.700 0 0 1 7 1.700c0 5-7 9.300-7 9.300z",
  person: "M12 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM5 19.500c.6-3.500 3.200-5 7-5s6.400 1.500 7 5",
  box: "M4.500 8 12 4l7.500 4v8L12 20l-7.500-4zM4.500 8l7.500 4 7.500-4M12 12v8",
  card: "M4 6.500h16v11H4zM4 10.500h16M7 14.500h3",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4.500l3 1.800",
  warning: "M12 4.500 20.500 19h-17zM12 10v4M12 16.400v.2",
  shield: "M12 4l7 2.500c0 6-2.500 10.500-7 13.500-4.500-3-7-7.500-7-13.500z",
  page: "M7 4h7l4 4v12H7zM14 4v4h4M10 12h5M10 15.500h5",
};

const KINDS = [
  [/MENTION/, "mention"],
  [/COMMENT|MESSAGE|REPLY|CHAT/, "comment"],
  [/LIKE|REACTION|FAVO/, "heart"],
  [/SECUR|LOGIN|PASSWORD|SIGN_?IN/, "shield"],
  [/WARN|ALERT|ERROR|FAIL|INCIDENT/, "warning"],
  [/FOLLOW|USER|MEMBER|INVIT|FRIEND|PROFILE/, "person"],
  [/ORDER|SHIP|DELIVER|PARCEL/, "box"],
  [/PAY|INVOICE|BILL|REFUND/, "card"],
  [/REMIND|EVENT|CALENDAR|DUE|SCHEDULE/, "clock"],
  [/REPORT|FILE|DOC|EXPORT/, "page"],
];
const SHADES = 6;

/** An element: attributes by name, listeners as functions by `on…`, children as elements or text. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const button = (attributes, ...children) => h("button", { type: "button", ...attributes }, ...children);

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put it above all else on the page, or back; where a browser cannot, `position: fixed` has to do. */
function onTop(popover, on) {
  if (popover.isConnected) popover.togglePopover?.(on);
}

/** The avatar of a notification, or the icon of its type. The same type always has the same shade. */
export function glyph(item) {
  const announcement = item.userId === undefined;
  const type = item.type.toUpperCase();
  const name = announcement ? "horn" : (KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? "bell");
  const shade = [...type].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) % SHADES;
  const looks = { class: "glyph", part: "glyph", "data-shade": announcement ? "announcement" : shade };
  const element = h("span", { ...looks, "aria-hidden": "true" }, icon(name));
  const url = item.avatar && safeUrl(item.avatar);
  if (url) {
    const image = h("img", { part: "avatar", alt: "", loading: "lazy", referrerpolicy: "no-referrer", src: url.href });
    image.addEventListener("error", () => image.remove()); // the icon is behind it
    element.append(image);
  }
  return element;
}

/** What a notification is called where there is room for a few words. */
const nameOf = (item) => (item.title || item.message).slice(0, 60);

/** One notification in a list or a toast. */
class Row {
  element;
  main;
  #reader;
  #item;
  #dot = h("span", { class: "dot", part: "dot" });
  #unread = h("span", { class: "unseen" });
  #time;
  #readButton;

  /** `reader`: what the reader can do, `{say, read, remove, follow}`. */
  constructor(reader, item, tag) {
    const { say } = reader;
    const name = nameOf(item);
    const url = item.link ? safeUrl(item.link) : null;
    const type = item.userId === undefined ? say("announcement") : readable(item.type);
    this.#reader = reader;
    this.#time = h("time", { datetime: item.createdAt, title: new Date(item.createdAt).toLocaleString(say("locale")) });
    const content = [
      this.#unread,
      ...(item.title ? [h("span", { class: "title", part: "title", dir: "auto" }, item.title)] : []),
      h("span", { class: item.title ? "message" : "message alone", part: "message", dir: "auto" }, item.message),
      h("span", { class: "meta", part: "meta" }, this.#time, h("span", {}, type)),
    ];
    this.main = url ? this.#link(url, content) : this.#button(content);
    this.#readButton = this.#action("check", "markRead", name, () => reader.read(item.id));
    const removeButton = this.#action("bin", "remove", name, () => reader.remove(item.id));
    const actions = h("span", { class: "actions", part: "actions" }, this.#readButton, removeButton);
    const children = [glyph(item), this.main, this.#dot, actions];
    this.element = h(tag, { class: "row", part: "item", "data-id": item.id }, ...children);
    this.update(item);
    this.tick();
  }

  get id() {
    return this.#item.id;
  }

  update(item) {
    if (item === this.#item) return;
    this.#item = item;
    const unread = !item.read && !item.passing;
    this.element.part.toggle("item-unread", unread);
    this.element.classList.toggle("is-unread", unread);
    setText(this.#unread, unread ? `${this.#reader.say("unread")}: ` : "");
    // A button that disappears under the focus would send a keyboard's user back to the top of the page.
    if (!unread && this.#readButton.matches(":focus")) this.main.focus();
    this.#readButton.hidden = !unread;
  }

  tick() {
    setText(this.#time, ago(this.#time.dateTime, Date.now(), this.#reader.say("locale")));
  }

  #link(url, content) {
    const elsewhere = url.origin !== location.origin;
    const more = elsewhere ? { target: "_blank", rel: "noopener noreferrer" } : {};
    const follow = (event) => this.#reader.follow(this.#item, url, event);
    const where = { href: url.href, ...more };
    return h("a", { class: "main", part: "link", ...where, onclick: follow, onauxclick: follow }, ...content);
  }

  /** Without a link there is still the rest of a long message to see. */
  #button(content) {
    const unfold = () => {
      this.main.setAttribute("aria-expanded", this.element.classList.toggle("unfolded"));
      this.#reader.follow(this.#item, null);
    };
    return button({ class: "main", part: "link", "aria-expanded": "false", onclick: unfold }, ...content);
  }

  #action(symbol, string, name, onclick) {
    const say = this.#reader.say;
    const label = say("rowAction", say(string), name);
    return button({ class: "icon", part: "action", "aria-label": label, title: say(string), onclick }, icon(symbol));
  }
}

/** Rows by id. They stay the same elements, so focus and selection stay where they are. */
class List {
  element;
  #make;
  #rows = new Map();

  constructor(element, make) {
    this.element = element;
    this.#make = make;
  }

  render(items) {
    const wanted = new Set(items.map((item) => item.id));
    const focus = this.#focusAfter(wanted);
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    let place = this.element.firstElementChild;
    for (const item of items) {
      const row = this.#rows.get(item.id) ?? this.#add(item);
      row.update(item);
      if (row.element === place) place = place.nextElementSibling;
      else this.element.insertBefore(row.element, place);
    }
    focus?.focus();
  }

  tick() {
    for (const row of this.#rows.values()) row.tick();
  }

  /** Where the focus goes from here: "ArrowDown" and the like. Whether it went. */
  move(key) {
    const rows = [...this.#rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    const at = rows.findIndex((row) => row.element.matches(":focus-within"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[key];
    if (to === undefined || !rows[to]) return false;
    rows[to].main.focus();
    return true;
  }

  get focused() {
    return [...this.#rows.values()].find((row) => row.element.matches(":focus-within"));
  }

  #add(item) {
    const row = this.#make(item);
    this.#rows.set(item.id, row);
    return row;
  }

  /** What gets the focus when its row goes: the next row, else the one before, else the list itself. */
  #focusAfter(wanted) {
    const row = this.focused;
    if (!row || wanted.has(row.id)) return null;
    const ids = [...this.#rows.keys()].filter((id) => wanted.has(id)).sort();
    const next = ids.findLast((id) => id < row.id) ?? ids[0];
    return next === undefined ? this.element : this.#rows.get(next).main;
  }
}

/** "(3) Your page": the first bell of a page has its title. */
const title = {
  owner: null,
  own: "",
  shown: "",
  count: null,
  observer: null,

  show(owner, count) {
    this.owner ??= owner;
    if (this.owner !== owner) return;
    this.count = count;
    if (document.title !== this.shown) this.own = document.title;
    this.shown = count ? `(${count > 99 ? "99+" : count}) ${this.own}` : this.own;
    if (document.title !== this.shown) document.title = this.shown;
    if (!this.observer && document.head) {
      // The page may change its title at any time.
      this.observer = new MutationObserver(() => document.title !== this.shown && this.show(this.owner, this.count));
      this.observer.observe(document.head, { subtree: true, childList: true, characterData: true });
    }
  },

  leave(owner) {
    if (this.owner !== owner) return;
    this.observer?.disconnect();
    this.observer = this.owner = null;
    if (document.title === this.shown) document.title = this.own;
    this.shown = "";
  },
};

// ---------------------------------------------------------------------------------------------------------------------
// The component

const entries = [];

/** One Inbox for all bells of the page with the same source of tokens: `{url, sharing, source, io, inbox, bells}`. */
function entryFor(bell, wanted) {
  const same = (entry) => ["url", "sharing", "source"].every((name) => entry[name] === wanted[name]);
  let entry = entries.find(same);
  if (!entry) {
    entry = { ...wanted, bells: new Set() };
    const getToken = () => (typeof entry.source === "function" ? entry.source() : entry.source);
    entry.inbox = new Inbox({ url: entry.url, sharing: entry.sharing, io: entry.io, getToken });
    entries.push(entry);
  }
  entry.bells.add(bell);
  return entry;
}

function leaveEntry(bell, entry) {
  entry.bells.delete(bell);
  if (entry.bells.size) return;
  entries.splice(entries.indexOf(entry), 1);
  entry.inbox.close();
}

const EDGE = 8;
const Base = globalThis.HTMLElement ?? class {}; // so that a server that renders pages can import this, too

export class EventideBell extends Base {
  static observedAttributes = ["url", "token", "no-sharing", "view-all", "no-title-badge"];

  #getToken = null;
  #strings = {};
  #io = null;
  #reader = {
    say: (name, ...values) => {
      const string = this.#strings[name] ?? STRINGS[name];
      return typeof string === "function" ? string(...values) : string;
    },
    read: (id) => this.inbox?.markRead([id]),
    remove: (id) => this.#remove(id),
    follow: (item, url, event) => this.#follow(item, url, event),
  };
  #entry = null;
  #configuring = false;
  #parts = null;
  #list;
  #toasts = new Map();
  #shown = PAGE;
  #open = false;
  #frame = 0;
  #clock = 0;
  #soon = null;
  #listeners = {
    change: () => this.#renderSoon(),
    problem: ({ detail }) => this.#open && this.inbox.loaded && this.#notice(detail.problem.message),
    unread: ({ detail }) => (this.#renderCount(), this.#emit("unread", detail)),
    state: ({ detail }) => (this.#renderState(), this.#renderSoon(), this.#emit("state", { ...detail })),
    notification: ({ detail }) => this.#arrived(detail),
  };

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("focusout", (event) => this.#left(event));
    this.#build();
    // A framework may have set these before this class was known: then they hide the accessors.
    for (const name of ["getToken", "strings", "io"]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
  }

  get getToken() { return this.#getToken; }
  set getToken(value) {
    this.#getToken = value ?? null;
    this.#configureSoon();
  }

  get strings() { return this.#strings; }
  set strings(value) {
    const text = (strings) => JSON.stringify(Object.entries(strings).map(([name, each]) => [name, String(each)]));
    const before = this.#strings;
    this.#strings = value ?? {};
    if (text(before) !== text(this.#strings)) this.#build(); // frameworks like to make a new object each time
  }

  get io() { return this.#io; }
  set io(value) {
    this.#io = value ?? null;
    this.#configureSoon();
  }

  get inbox() { return this.#entry?.inbox ?? null; }
  get unreadCount() { return this.inbox?.unreadCount ?? null; }
  get state() { return this.inbox?.state ?? "closed"; }

  connectedCallback() {
    this.#configureSoon();
  }

  disconnectedCallback() {
    this.close();
    this.#configureSoon(); // not at once: it may only be moved
  }

  attributeChangedCallback(name) {
    if (name === "view-all") this.#renderSoon();
    else if (name === "no-title-badge") this.#renderCount();
    else this.#configureSoon();
  }

  // Which Inbox

  #configureSoon() {
    if (this.#configuring) return;
    this.#configuring = true;
    queueMicrotask(() => {
      this.#configuring = false;
      this.#configure();
    });
  }

  #configure() {
    const wanted = {
      url: this.getAttribute("url") || HOME,
      sharing: !this.hasAttribute("no-sharing"),
      source: this.#getToken ?? this.getAttribute("token"),
    };
    const entry = this.#entry;
    if (!this.isConnected || !wanted.source) return this.#detach();
    if (entry && Object.entries(wanted).every(([name, value]) => entry[name] === value)) return;
    const alone = entry?.bells.size === 1 && entry.url === wanted.url && entry.sharing === wanted.sharing;
    if (alone && !entries.some((other) => other !== entry && other.source === wanted.source)) {
      entry.source = wanted.source;
      entry.inbox.renew(); // it may be somebody else's
      return;
    }
    this.#detach();
    this.#entry = entryFor(this, { ...wanted, io: this.#io });
    for (const [type, listener] of Object.entries(this.#listeners)) this.inbox.addEventListener(type, listener);
    this.inbox.start();
    this.#renderCount();
    this.#renderState();
  }

  #detach() {
    const entry = this.#entry;
    if (!entry) return;
    this.close();
    for (const id of [...this.#toasts.keys()]) this.#dismiss(id);
    title.leave(this);
    this.#entry = null;
    for (const [type, listener] of Object.entries(this.#listeners)) entry.inbox.removeEventListener(type, listener);
    leaveEntry(this, entry);
    this.#renderCount();
    this.#renderState();
    this.#emit("state", { state: "closed" });
  }

  // Elements

  #build() {
    const { say } = this.#reader;
    if (this.#open) this.close();
    const toggle = () => (this.#open ? this.close() : this.open());
    const readAll = () => this.#readAll();
    const badge = h("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });
    const lamp = h("span", { class: "lamp", part: "lamp", "aria-hidden": "true" });
    const opens = { "aria-haspopup": "dialog", "aria-expanded": "false" };
    const bell = button({ class: "bell", part: "bell", ...opens, onclick: toggle }, icon("bell"), badge, lamp);

    const state = h("p", { class: "state", part: "connection" });
    const markAll = button({ class: "quiet", part: "mark-all", onclick: readAll }, say("markAllRead"));
    const header = h("header", { part: "header", role: "none" }, h("h2", { id: "title" }, say("title")), state, markAll);

    const note = h("div", { class: "note", part: "note" });
    const list = h("ul", { class: "list", part: "list", role: "list", tabindex: "-1", "aria-label": say("title") });
    const more = h("p", { class: "more", part: "more" });
    const scroll = h("div", { class: "scroll", part: "scroll", onscroll: () => this.#scrolled() }, note, list, more);

    const notice = h("div", { class: "notice", part: "notice", hidden: true });
    const viewAll = h("a", { part: "view-all" }, say("viewAll"));
    const footer = h("footer", { part: "footer", role: "none" }, viewAll);
    const dialog = { role: "dialog", "aria-labelledby": "title", tabindex: "-1", popover: "manual" };
    const panel = h("div", { class: "panel", part: "panel", ...dialog }, header, scroll, notice, footer);

    const region = { role: "region", "aria-label": say("toasts"), popover: "manual" };
    const toasts = h("div", { class: "toasts", part: "toasts", ...region });
    const spoken = h("p", { class: "unseen", "aria-live": "polite" });

    // Whatever goes by itself stays while the reader is at it.
    const stays = { pointerenter: "hold", focusin: "hold", pointerleave: "go", focusout: "go" };
    for (const [event, action] of Object.entries(stays)) {
      notice.addEventListener(event, () => this.#soon?.[action]());
      toasts.addEventListener(event, () => this.#eachToast(action));
    }
    this.#parts = {
      bell, badge, lamp, panel, state, markAll, scroll, note, list, more, notice, footer, viewAll, toasts, spoken,
    };
    this.#list = new List(list, (item) => new Row(this.#reader, item, "li"));
    for (const id of [...this.#toasts.keys()]) this.#dismiss(id);
    this.shadowRoot.adoptedStyleSheets = [sheet()];
    this.shadowRoot.replaceChildren(bell, panel, toasts, spoken);
    this.#renderCount();
    this.#renderState();
  }

  // Opening and closing

  open() {
    if (this.#open || !this.isConnected) return;
    const { panel, bell } = this.#parts;
    this.#open = true;
    this.#shown = PAGE;
    this.#render();
    panel.classList.add("is-open");
    onTop(panel, true);
    bell.setAttribute("aria-expanded", "true");
    this.#place();
    this.#parts.scroll.scrollTop = 0;
    panel.focus({ preventScroll: true });
    for (const id of [...this.#toasts.keys()]) this.#dismiss(id); // they are in the list
    addEventListener("resize", this.#place);
    addEventListener("scroll", this.#place, { passive: true, capture: true });
    document.addEventListener("pointerdown", this.#outside);
    this.#tick();
  }

  close({ focus = false } = {}) {
    if (!this.#open) return;
    const { panel, bell, list } = this.#parts;
    this.#open = false;
    if (focus) bell.focus({ preventScroll: true });
    panel.classList.remove("is-open");
    onTop(panel, false);
    bell.setAttribute("aria-expanded", "false");
    removeEventListener("resize", this.#place);
    removeEventListener("scroll", this.#place, { capture: true });
    document.removeEventListener("pointerdown", this.#outside);
    this.#settle("now");
    this.#list = new List(list, (item) => new Row(this.#reader, item, "li"));
    list.replaceChildren(); // nobody sees the rows, and they are made fast
  }

  #place = () => {
    const { panel, bell } = this.#parts;
    const { clientWidth, clientHeight } = document.documentElement;
    const place = bell.getBoundingClientRect();
    const width = panel.offsetWidth;
    const start = getComputedStyle(this).direction === "rtl" ? place.left : place.right - width;
    const below = clientHeight - place.bottom - 2 * EDGE;
    const above = place.top - 2 * EDGE;
    const under = below >= Math.min(320, above);
    panel.style.left = `${Math.max(EDGE, Math.min(start, clientWidth - EDGE - width))}px`;
    panel.style.top = under ? `${place.bottom + EDGE}px` : "auto";
    panel.style.bottom = under ? "auto" : `${clientHeight - place.top + EDGE}px`;
    panel.style.setProperty("--_room", `${Math.max(under ? below : above, 160)}px`);
  };

  #outside = (event) => {
    if (!event.composedPath().includes(this)) this.close();
  };

  /** The keyboard has gone on to what comes after the bell. */
  #left({ relatedTarget }) {
    if (this.#open && relatedTarget && relatedTarget !== this && !this.shadowRoot.contains(relatedTarget)) this.close();
  }

  #key(event) {
    const { key } = event;
    const toast = event.target.closest(".toast");
    if (key === "Escape" && this.#open) this.close({ focus: true });
    else if (key === "Escape" && toast) this.#dismiss(toast.dataset.id);
    else if (key === "Delete" && this.#open && this.#list.focused) this.#remove(this.#list.focused.id);
    else if (!this.#open || event.altKey || event.ctrlKey || event.metaKey || !this.#list.move(key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Rendering

  #renderSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { footer, viewAll } = this.#parts;
    const address = this.getAttribute("view-all");
    const url = address === null ? null : safeUrl(address);
    footer.hidden = !url;
    if (url) viewAll.href = url.href;
    if (!this.#open) return;
    const items = this.inbox?.items ?? [];
    this.#list.render(items.slice(0, this.#shown));
    this.#renderNote(items);
    const older = items.length > this.#shown || this.inbox?.hasOlder;
    const end = items.length > PAGE ? "allLoaded" : null;
    setText(this.#parts.more, older || end ? this.#reader.say(older ? "loading" : end) : "");
    this.#place();
    if (older && !this.inbox.problem) this.#scrolled(); // the rows may not fill the panel
  }

  /** What there is to say in place of a list, or above it. */
  #situation() {
    const { inbox, state } = this;
    if (!inbox) return "closed";
    if (["refused", "closed"].includes(state)) return state;
    if (inbox.items.length) return "";
    if (inbox.problem) return "problem";
    return inbox.loaded ? "empty" : "loading";
  }

  #renderNote(items) {
    const { note, list, panel } = this.#parts;
    const { say } = this.#reader;
    const { inbox } = this;
    if (!items.length && list.matches(":focus-within")) panel.focus(); // before it goes, and the focus with it
    list.hidden = !items.length;
    const situation = this.#situation();
    const kind = `${situation} ${inbox?.code} ${inbox?.problem?.message}`;
    if (note.dataset.kind === kind) return;
    const hadFocus = note.matches(":focus-within");
    note.dataset.kind = kind;
    note.dataset.situation = situation;
    note.setAttribute("role", situation === "loading" ? "status" : "group");
    const retry = () => button({ class: "primary", part: "retry", onclick: () => inbox.retry() }, say("retry"));
    const again = () => (inbox ? [retry()] : []);
    const tell = (symbol, lead, text, ...more) =>
      [icon(symbol), h("p", { class: "lead" }, say(lead)), h("p", {}, text), ...more];
    const bones = () => [0, 1, 2].map(() => h("span", { class: "bones", "aria-hidden": "true" }));
    const contents = {
      "": () => [],
      loading: () => [h("span", { class: "unseen" }, say("loading")), ...bones()],
      empty: () => tell("bell", "empty", say("emptyHint")),
      problem: () => tell("warning", "problem", inbox.problem.message, ...again()),
      refused: () => tell("shield", "refused", say("refusedHint", inbox.code), ...again()),
      closed: () => tell("shield", "closed", "", ...again()),
    };
    note.replaceChildren(...contents[situation]());
    if (hadFocus) (note.querySelector("button") ?? panel).focus();
  }

  #renderCount() {
    const { badge, bell, markAll } = this.#parts;
    const count = this.unreadCount;
    setText(badge, count > 99 ? "99+" : String(count ?? ""));
    badge.hidden = !count;
    bell.setAttribute("aria-label", this.#reader.say("label", count));
    markAll.setAttribute("aria-disabled", count === 0);
    if (this.hasAttribute("no-title-badge") || !this.#entry) title.leave(this);
    else title.show(this, count);
  }

  #renderState() {
    const { state, bell, lamp } = this.#parts;
    const locale = this.#reader.say("locale");
    const since = this.inbox?.since?.toLocaleTimeString(locale, { hour: "numeric", minute: "2-digit" });
    const text = this.#reader.say(this.state, since);
    setText(state, text);
    state.title = text;
    bell.title = ["live", "connecting"].includes(this.state) ? "" : text;
    state.dataset.state = lamp.dataset.state = this.state;
    lamp.part = `lamp lamp-${this.state}`;
    state.part = `connection connection-${this.state}`;
  }

  #scrolled() {
    const { scroll } = this.#parts;
    if (!this.#open || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight > 400) return;
    if (this.inbox?.items.length > this.#shown) {
      this.#shown += PAGE;
      this.#renderSoon();
    } else if (this.inbox?.hasOlder && !this.#loadingOlder) {
      this.#loadingOlder = true;
      this.inbox.loadOlder().finally(() => (this.#loadingOlder = false));
    }
  }
  #loadingOlder = false;

  /** Let the clocks go on, while anybody sees them. */
  #tick() {
    this.#clock ||= setInterval(() => {
      if (!this.#open && !this.#toasts.size) this.#clock = clearInterval(this.#clock);
      this.#list.tick();
      for (const toast of this.#toasts.values()) toast.row.tick();
    }, SECOND);
  }

  // What arrives

  async #arrived({ notification, replayed }) {
    this.#emit("notification", { notification, replayed });
    if (replayed || !this.#entry) return;
    this.#parts.bell.classList.remove("rings");
    requestAnimationFrame(() => this.#parts.bell.classList.add("rings"));
    if (!(await this.inbox.claim(notification.id)) || !this.#entry) return;
    const text = `${notification.title} ${notification.message}`.trim().slice(0, 200);
    setText(this.#parts.spoken, this.#reader.say("arrived", text));
    if (!this.#open) this.#toast(notification);
  }

  #toast(item) {
    const most = Number.parseInt(this.getAttribute("toasts") ?? 3, 10) || 0;
    if (most <= 0) return;
    while (this.#toasts.size >= most) this.#dismiss(this.#toasts.keys().next().value);
    const { toasts } = this.#parts;
    const row = new Row(this.#reader, item, "div");
    row.element.classList.add("toast");
    row.element.part.add("toast");
    const { say } = this.#reader;
    const names = { "aria-label": say("rowAction", say("dismiss"), nameOf(item)), title: say("dismiss") };
    const onclick = () => this.#dismiss(item.id);
    const dismiss = button({ class: "icon", part: "action", ...names, onclick }, icon("cross"));
    row.element.querySelector(".actions").replaceChildren(dismiss);
    const toast = { row, timer: 0, before: document.activeElement };
    this.#toasts.set(item.id, toast);
    toasts.prepend(row.element);
    onTop(toasts, true);
    if (!toasts.matches(":hover, :focus-within")) this.#eachToast("go");
    this.#tick();
  }

  #eachToast(action) {
    const { toasts } = this.#parts;
    for (const [id, toast] of this.#toasts) {
      clearTimeout(toast.timer);
      const watched = action === "hold" || toasts.matches(":hover, :focus-within");
      if (!watched) toast.timer = setTimeout(() => this.#dismiss(id), TOAST_FOR);
    }
  }

  #dismiss(id) {
    const toast = this.#toasts.get(id);
    if (!toast) return;
    clearTimeout(toast.timer);
    this.#toasts.delete(id);
    if (toast.row.element.matches(":focus-within")) toast.before?.focus?.();
    toast.row.element.remove();
    if (!this.#toasts.size) onTop(this.#parts.toasts, false);
  }

  // What the reader does

  #remove(id) {
    const { say } = this.#reader;
    this.#settle("now");
    const soon = this.inbox.removeSoon([id]);
    const undo = () => this.#settle("undo");
    this.#notice(say("removed"), button({ class: "quiet", part: "undo", onclick: undo }, say("undo")));
    this.#soon = soon;
    this.#render();
    soon.done.then(() => this.#soon === soon && this.#settle("now"));
  }

  /** A line at the foot of the panel: what was done and can be undone, or what went wrong. */
  #notice(text, ...more) {
    const { notice, spoken } = this.#parts;
    this.#settle("now");
    notice.replaceChildren(h("span", {}, text), ...more);
    notice.hidden = false;
    setText(spoken, text);
    clearTimeout(this.#noticed);
    if (!more.length) this.#noticed = setTimeout(() => this.#settle("now"), UNDO_FOR);
  }
  #noticed = 0;

  /** What was deleted is so "now", or not at all: "undo". */
  #settle(action) {
    const { notice, list, panel } = this.#parts;
    const soon = this.#soon;
    this.#soon = null;
    const hadFocus = notice.matches(":focus-within");
    soon?.[action]();
    notice.hidden = true;
    if (!this.#open) return;
    if (soon) this.#render();
    if (hadFocus) (list.querySelector(".main") ?? panel).focus();
  }

  /** `url`: null for a notification without a link. */
  #follow(item, url, event) {
    if (event?.type === "auxclick" && event.button !== 1) return;
    // With a key held or another button, the browser opens it elsewhere: that is not the page's to route.
    const here = event?.type === "click" && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (url && here && !this.#emit("open", { notification: item, url: url.href }, true)) event.preventDefault();
    this.#reader.read(item.id);
    this.#dismiss(item.id);
    if (url && here) this.close();
  }

  #readAll() {
    if (this.#parts.markAll.getAttribute("aria-disabled") !== "true") this.inbox?.markAllRead();
  }

  #emit(type, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable, bubbles: true, composed: true }));
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The looks

const CSS = `
:host {
  --_accent: var(--eventide-accent, light-dark(#a8395f, #f0a07c));
  --_accent-ink: var(--eventide-accent-ink, light-dark(#fff, #24132a));
  --_surface: var(--eventide-surface, light-dark(#fffefd, #1a1931));
  --_ink: var(--eventide-ink, light-dark(#221f3d, #ece8f7));
  --_soft: var(--eventide-soft, light-dark(#625d7c, #aaa4c4));
  --_line: var(--eventide-line, light-dark(#e8e4f0, #302d4c));
  --_hover: var(--eventide-hover, light-dark(#f5f2fa, #24223f));
  --_unread: var(--eventide-unread, light-dark(#fdf4f1, #241f3c));
  --_badge: var(--eventide-badge, light-dark(#c22f56, #f0a07c));
  --_badge-ink: var(--eventide-badge-ink, light-dark(#fff, #24132a));
  --_focus: var(--eventide-focus, light-dark(#5b3fd0, #b9a6ff));
  --_good: var(--eventide-good, light-dark(#1f7a55, #7fd6ae));
  --_warn: var(--eventide-warn, light-dark(#a3590f, #f3b56f));
  --_bad: var(--eventide-bad, light-dark(#a3202b, #ff9d9d));
  --_radius: var(--eventide-radius, 14px);
  --_shadow: var(--eventide-shadow, 0 0 0 1px light-dark(rgb(34 31 61 / 8%), rgb(255 255 255 / 9%)), 0 2px 6px rgb(16 15 33 / 8%), 0 18px 48px -12px light-dark(rgb(34 31 61 / 32%), rgb(0 0 0 / 75%)));
  --_font: var(--eventide-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif);
  --_size: var(--eventide-size, 2.5rem);
  display: inline-block;
  vertical-align: middle;
}
@supports not (color: light-dark(red, red)) {
  :host {
    --_accent: var(--eventide-accent, #a8395f); --_accent-ink: var(--eventide-accent-ink, #fff); --_surface: var(--eventide-surface, #fffefd);
    --_ink: var(--eventide-ink, #221f3d); --_soft: var(--eventide-soft, #625d7c); --_line: var(--eventide-line, #e8e4f0);
    --_hover: var(--eventide-hover, #f5f2fa); --_unread: var(--eventide-unread, #fdf4f1); --_badge: var(--eventide-badge, #c22f56);
    --_badge-ink: var(--eventide-badge-ink, #fff); --_focus: var(--eventide-focus, #5b3fd0); --_good: var(--eventide-good, #1f7a55);
    --_warn: var(--eventide-warn, #a3590f); --_bad: var(--eventide-bad, #a3202b); --_shadow: var(--eventide-shadow, 0 18px 48px -12px rgb(34 31 61 / 32%));
  }
}
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, p, ul { margin: 0; padding: 0; }
button, a { font: inherit; color: inherit; text-align: inherit; text-decoration: none; }
button { margin: 0; border: 0; padding: 0; background: none; cursor: pointer; }
[aria-disabled="true"] { opacity: 0.45; cursor: default; }
svg { display: block; fill: none; stroke: currentcolor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--_focus); outline-offset: 2px; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

/* The bell */

.bell { position: relative; display: grid; place-items: center; inline-size: var(--_size); block-size: var(--_size); border-radius: 50%; color: var(--eventide-bell, inherit); }
.bell:hover, .bell[aria-expanded="true"] { background: color-mix(in srgb, currentcolor 10%, transparent); }
.bell svg { inline-size: 60%; block-size: 60%; transform-origin: 50% 10%; }
.badge {
  position: absolute;
  inset-block-start: 0;
  inset-inline-start: 52%;
  min-inline-size: 1.125rem;
  block-size: 1.125rem;
  padding-inline: 0.3125rem;
  border-radius: 999px;
  font: 700 0.6875rem/1.125rem var(--_font);
  font-variant-numeric: tabular-nums;
  text-align: center;
  color: var(--_badge-ink);
  background: var(--_badge);
}
.lamp { position: absolute; inset-block-end: 14%; inset-inline-end: 12%; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--_soft); box-shadow: 0 0 0 2px var(--_surface); }
.lamp[data-state="live"], .lamp[data-state="connecting"] { display: none; }
.lamp[data-state="reconnecting"], .lamp[data-state="offline"] { background: var(--_warn); }
.lamp[data-state="refused"] { background: var(--_bad); }

/* The panel */

.panel {
  position: fixed;
  z-index: 2147483000;
  inset: auto;
  flex-direction: column;
  inline-size: min(var(--eventide-panel-width, 25rem), 100vw - 1rem);
  max-inline-size: none;
  max-block-size: min(var(--eventide-panel-height, 36rem), var(--_room, 36rem));
  margin: 0;
  border: 0;
  padding: 0;
  overflow: hidden;
  font: 0.875rem/1.45 var(--_font);
  color: var(--_ink);
  background: var(--_surface);
  border-radius: var(--_radius);
  box-shadow: var(--_shadow);
  overflow-wrap: anywhere;
}
.panel.is-open { display: flex; }
.panel:not(.is-open) { display: none; }
.panel:focus-visible { outline: none; }
header { display: flex; flex: none; align-items: center; gap: 0.625rem; padding: 0.75rem 0.75rem 0.75rem 1rem; padding-inline: 1rem 0.75rem; border-block-end: 1px solid var(--_line); }
h2 { font: 650 1rem/1.5 var(--_font); }
.state { display: flex; align-items: center; gap: 0.375rem; flex: 1; min-inline-size: 0; font-size: 0.75rem; line-height: 1.25; color: var(--_soft); }
.state::before { content: ""; flex: none; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--_soft); }
.state[data-state="live"]::before { background: var(--_good); }
.state:is([data-state="reconnecting"], [data-state="offline"])::before { background: var(--_warn); }
.state[data-state="refused"]::before { background: var(--_bad); }
.quiet { flex: none; padding: 0.3rem 0.625rem; border-radius: 8px; font-size: 0.8125rem; font-weight: 550; color: var(--_accent); }
.quiet:hover:not([aria-disabled="true"]) { background: var(--_hover); }
.scroll { flex: 1 1 auto; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: color-mix(in srgb, var(--_soft) 45%, transparent) transparent; }
.list { list-style: none; }
.more { padding: 0.75rem; text-align: center; font-size: 0.75rem; color: var(--_soft); }
.more:empty { display: none; }
footer { flex: none; border-block-start: 1px solid var(--_line); text-align: center; }
footer a { display: block; padding: 0.625rem; font-size: 0.8125rem; font-weight: 550; color: var(--_accent); }
footer a:hover { background: var(--_hover); }
footer a:focus-visible { outline-offset: -3px; border-radius: var(--_radius); }
.notice { display: flex; flex: none; align-items: center; justify-content: space-between; gap: 1rem; padding: 0.375rem 0.75rem; padding-inline-start: 1rem; min-block-size: 2.75rem; font-size: 0.8125rem; border-block-start: 1px solid var(--_line); background: var(--_hover); }

/* A notification */

.row { position: relative; display: grid; grid-template-columns: 2.25rem minmax(0, 1fr) 0.5rem; gap: 0 0.75rem; padding: 0.75rem 1rem; }
.list .row { content-visibility: auto; contain-intrinsic-size: auto 5.25rem; }
.row + .row { border-block-start: 1px solid var(--_line); }
.row:hover { background: var(--_hover); }
.row.is-unread { background: var(--_unread); }
.row.is-unread:hover { background: color-mix(in srgb, var(--_unread) 55%, var(--_hover)); }
.main { display: block; min-inline-size: 0; inline-size: 100%; cursor: pointer; }
.main::after { content: ""; position: absolute; inset: 0; } /* all of the row can be clicked */
.main:focus-visible { outline: none; }
.main:focus-visible::after { outline: 2px solid var(--_focus); outline-offset: -3px; border-radius: 8px; }
.title, .message, .meta { display: block; text-align: match-parent; }
.title, .message.alone { font-weight: 500; color: var(--_ink); }
.is-unread :is(.title, .message.alone) { font-weight: 650; }
.message { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; color: var(--_soft); white-space: pre-line; }
.message.alone { -webkit-line-clamp: 3; }
.unfolded .message { -webkit-line-clamp: none; }
.meta { padding-block-start: 0.1875rem; font-size: 0.75rem; color: var(--_soft); }
.meta > span::before { content: "·"; padding-inline: 0.375rem; }
.dot { align-self: center; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; }
.is-unread .dot { background: var(--_accent); }

.glyph { position: relative; display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem; border-radius: 50%; overflow: hidden; color: light-dark(color-mix(in srgb, var(--_hue) 88%, #000), color-mix(in srgb, var(--_hue) 42%, #fff)); background: light-dark(color-mix(in srgb, var(--_hue) 15%, var(--_surface)), color-mix(in srgb, var(--_hue) 36%, var(--_surface))); }
.glyph svg { inline-size: 1.375rem; block-size: 1.375rem; }
.glyph img { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; object-fit: cover; background: var(--_surface); }
[data-shade="0"] { --_hue: #5a4fc8; }
[data-shade="1"] { --_hue: #b3477f; }
[data-shade="2"] { --_hue: #c6573b; }
[data-shade="3"] { --_hue: #2f73a6; }
[data-shade="4"] { --_hue: #94691c; }
[data-shade="5"] { --_hue: #2f7f6c; }
[data-shade="announcement"] { --_hue: #b8583f; }

.actions { position: absolute; z-index: 1; inset-block-start: 0.5rem; inset-inline-end: 0.5rem; display: flex; gap: 0.125rem; padding: 0.125rem; border-radius: 10px; background: var(--_surface); box-shadow: 0 0 0 1px var(--_line), 0 2px 8px rgb(16 15 33 / 10%); }
.icon { display: grid; place-items: center; inline-size: 1.75rem; block-size: 1.75rem; border-radius: 8px; color: var(--_soft); }
.icon:hover { color: var(--_ink); background: var(--_hover); }
.icon svg { inline-size: 1.125rem; block-size: 1.125rem; }
@media (hover: hover) {
  .list .row:not(:hover, :focus-within) .actions { opacity: 0; }
}
@media (hover: none) { /* beside the time, where there is nothing to be hidden */
  .list .actions { inset-block: auto 0.125rem; inset-inline-end: 1.25rem; gap: 0; padding: 0; background: none; box-shadow: none; }
  .list .meta { padding-inline-end: 4.5rem; }
  .icon { inline-size: 2.25rem; block-size: 2.25rem; }
  .list .dot { align-self: start; margin-block-start: 0.4rem; }
}

/* In place of a list */

.note { display: grid; justify-items: center; gap: 0.25rem; padding: 2.5rem 1.5rem; text-align: center; color: var(--_soft); }
.note:empty { display: none; }
.note svg { inline-size: 2.25rem; block-size: 2.25rem; margin-block-end: 0.5rem; stroke-width: 1.3; opacity: 0.8; }
.note .lead { font-size: 0.9375rem; font-weight: 600; color: var(--_ink); }
.note[data-situation="loading"] { justify-items: stretch; gap: 1.25rem; padding: 1rem; }
.bones { block-size: 2.25rem; border-radius: 8px; background: linear-gradient(var(--_line), var(--_line)) 3rem 0.25rem / 55% 0.625rem no-repeat, linear-gradient(var(--_line), var(--_line)) 3rem 1.375rem / 75% 0.625rem no-repeat, radial-gradient(circle at 1.125rem 1.125rem, var(--_line) 1.0625rem, transparent 1.125rem); }
:host(:dir(rtl)) .bones { transform: scaleX(-1); }
.primary { margin-block-start: 0.75rem; padding: 0.4375rem 1.125rem; border-radius: 999px; font-weight: 600; color: var(--_accent-ink); background: var(--_accent); }
.primary:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_ink)); }

/* Toasts */

.toasts { position: fixed; z-index: 2147483001; inset: auto; inset-block-end: 1rem; inset-inline-end: 1rem; flex-direction: column; gap: 0.625rem; inline-size: min(23rem, 100vw - 2rem); margin: 0; border: 0; padding: 0; overflow: visible; font: 0.875rem/1.45 var(--_font); color: var(--_ink); background: none; overflow-wrap: anywhere; }
.toasts:not(:empty) { display: flex; }
.toasts:empty { display: none; }
.toast, .toast.row.is-unread { padding-inline-end: 2.75rem; border: 0; border-radius: var(--_radius); background: var(--_surface); box-shadow: var(--_shadow); grid-template-columns: 2.25rem minmax(0, 1fr); }
.toast .dot { display: none; }
.toast .actions { position: absolute; margin: 0; background: none; box-shadow: none; }

@media (prefers-reduced-motion: no-preference) {
  .panel.is-open { animation: drop 0.14s ease-out; }
  .toast { animation: rise 0.22s cubic-bezier(0.2, 0.9, 0.3, 1.1); }
  .bell.rings svg { animation: ring 0.7s ease-in-out; }
  .lamp:is([data-state="reconnecting"]), .state:is([data-state="connecting"], [data-state="reconnecting"])::before { animation: breathe 1.2s ease-in-out infinite alternate; }
  .bones { animation: breathe 0.9s ease-in-out infinite alternate; }
  .actions { transition: opacity 0.1s; }
  @keyframes drop { from { opacity: 0; transform: translateY(-6px); } }
  @keyframes rise { from { opacity: 0; transform: translateY(12px); } }
  @keyframes breathe { to { opacity: 0.4; } }
  @keyframes ring { 20% { rotate: 14deg; } 45% { rotate: -11deg; } 70% { rotate: 6deg; } }
}

/* High contrast modes drop backgrounds: what they said is said by borders. */
@media (forced-colors: active) {
  .badge, .panel, .toast, .primary { border: 1px solid CanvasText; }
  .is-unread .dot, .lamp, .state::before { border: 4px solid Highlight; }
}
`;

let shared = null;

/** The style sheet of all bells. Not a <style> element, which a page's Content-Security-Policy might forbid. */
function sheet() {
  if (!shared) {
    shared = new CSSStyleSheet();
    shared.replaceSync(CSS);
  }
  return shared;
}

if (globalThis.customElements && !customElements.get("eventide-bell")) {
  customElements.define("eventide-bell", EventideBell);
}
