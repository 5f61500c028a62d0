/** The model: what a user's notifications are, and what the reader does with them. No view. */

import { HOME } from "./home.js";
import { Items } from "./items.js";
import { Link } from "./link.js";
import { removal } from "./removal.js";

/** @import { Filter, InboxOptions, Notification, StateDetail } from "../eventide-bell.js" */
/** @import { Problem } from "./rest.js" */
/** @import { Arrival, Io, ListPage, SharedEventListener, StateListener } from "./types.js" */

export const PAGE = 30;
const PAGE_MAX = 100; // the server's limit
const PARALLEL = 6; // what a browser does at once over HTTP/1.1

// Milliseconds
export const UNDO_FOR = 8_000;
const RETRY_LIST = [2_000, 5_000, 15_000, 30_000];
const RELOAD_WITHIN = 2_000; // all clients are asked to at once, and must not ask back at once
const READ_WITHOUT_LIVE = 1_000; // how long the list waits for the connection, which should come first

/** The notifications of one user: newest first, each once, as the server has them. See eventide-bell.d.ts. */
export class Inbox extends EventTarget {
  #link;
  #items = new Items();
  /** @type {StateDetail} */
  #status = { state: "closed" };
  /** @type {number | null} */
  #count = null;
  /** @type {string | number | undefined} */
  #userId;
  /** @type {Set<string>} */
  #told = new Set(); // of these there was an event
  /** @type {Set<string>} */
  #claimed = new Set();
  /** @type {string | null} */
  #cursor = null;
  #loaded = false;
  #current = false; // whether the list was read since this tab joined the others
  /** @type {Problem | null} */
  #problem = null;
  /** @type {Promise<void>} */
  #work = Promise.resolve();
  #refreshing = false;
  #stale = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #listTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reloadTimer;

  /** @param {InboxOptions} options */
  constructor({ url = HOME, getToken, io = null, sharing = true }) {
    super();
    this.#link = new Link({
      base: new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI).href,
      getToken,
      io: /** @type {Io | null} */ (io),
      sharing,
      newest: () => this.#items.newest,
      onBegin: () => this.#begun(),
      onOpen: () => this.#opened(),
      onLeave: () => this.#left(),
      onOther: () => this.#forget(),
      onEvent: (...event) => this.#heard(...event),
      onState: (status) => this.#setStatus(status),
    });
  }

  /** @returns {readonly Notification[]} */
  get items() { return this.#items.shown; }
  get unreadCount() { return this.#count; }
  get state() { return this.#status.state; }
  get since() { return this.#status.since; }
  get code() { return this.#status.code; }
  get userId() { return this.#userId; }
  get hasOlder() { return this.#cursor !== null; }
  get loaded() { return this.#loaded; }
  get problem() { return this.#problem; }
  get filter() { return this.#items.filter; }

  // Life

  start() {
    if (this.#link.started) return;
    document.addEventListener("visibilitychange", this.#looked);
    this.#link.start();
  }

  close() {
    if (!this.#link.started) return;
    document.removeEventListener("visibilitychange", this.#looked);
    this.#link.close();
    this.#setStatus({ state: "closed" });
  }

  /** Try again, now, what failed: the connection and the list. */
  retry() {
    return ["live", "connecting"].includes(this.state) ? this.refresh() : this.#link.again();
  }

  /** There is a new token. It is used from now on, and the connection is told. */
  async renew() {
    if (!this.#link.started) return;
    if (!this.#link.isOpen || ["refused", "closed"].includes(this.state)) return this.retry();
    await this.#link.renew();
  }

  #begun() {
    this.#current = false;
    this.#setStatus({ state: "connecting" });
  }

  #opened() {
    this.#listTimer = setTimeout(() => this.#current || this.refresh(), READ_WITHOUT_LIVE);
  }

  #left() {
    for (const soon of this.#items.hiders) soon?.now();
    clearTimeout(this.#listTimer);
    clearTimeout(this.#reloadTimer);
    this.#reloadTimer = undefined;
  }

  #looked = () => {
    if (this.#stale && document.visibilityState === "visible") this.refresh();
  };

  #forget() {
    this.#items.forget();
    for (const each of [this.#told, this.#claimed]) each.clear();
    this.#userId = undefined;
    this.#cursor = this.#problem = null;
    this.#loaded = false;
    this.#count = null;
    this.#emit("unread", { unreadCount: null });
    this.#changed();
  }

  // What the server tells

  /** @type {SharedEventListener} */
  #heard(event, payload, handover) {
    if (event === "connected") this.#userId = payload.userId;
    if (event === "notification" || event === "announcement") {
      this.#arrived(/** @type {Arrival} */ (payload), handover);
    }
    if (event === "announcement") this.#confirm();
    const { ids = [], all, upTo } = payload;
    if (event === "notification_read") {
      this.#read(all ? this.#items.ids.filter((id) => !upTo || id <= upTo) : ids);
    }
    if (event === "notification_deleted") this.#drop(ids);
    if (event === "catch_up_complete") this.#refreshOrLater();
    if (event === "reload") this.#refreshSoon();
    this.#setCount(payload.unreadCount);
  }

  /**
   * Some announcements are not kept by the server: nobody can read or count them. `passing` until a list has it.
   *
   * @param {Arrival} arrival
   * @param {boolean} handover
   */
  #arrived({ replayed = false, ...item }, handover) {
    const known = this.#items.knows(item.id);
    const passing = item.userId === undefined && (this.#items.get(item.id)?.passing ?? true);
    this.#items.merge({ ...item, passing });
    this.#changed();
    // A replay may be of what the list had; what is live is news, even if a list was quicker.
    const isNews = !this.#told.has(item.id) && !(replayed && known);
    this.#told.add(item.id);
    const notification = this.#items.get(item.id) ?? item;
    if (isNews) this.#emit("notification", { notification, replayed: replayed && !handover });
  }

  /** @param {number | undefined} count */
  #setCount(count) {
    if (count === undefined || count === this.#count) return; // a retracted announcement may come without a count
    this.#count = count;
    this.#emit("unread", { unreadCount: count });
  }

  /** @type {StateListener} */
  #setStatus(status) {
    const before = this.#status;
    this.#status = status;
    if (before.state === status.state && before.code === status.code && `${before.since}` === `${status.since}`) return;
    this.#emit("state", status);
    // A tab that follows was not there when the leader's connection began.
    if (this.#current) return;
    if (status.state === "live" && !this.#link.leads) this.#refreshOrLater();
    if (["offline", "refused"].includes(status.state)) this.refresh();
  }

  /** @param {readonly string[]} ids */
  #read(ids) {
    this.#items.read(ids);
    this.#changed();
  }

  /** @param {readonly string[]} ids */
  #drop(ids) {
    this.#items.drop(ids);
    this.#changed();
  }

  #changed() {
    this.#emit("change");
  }

  // The list

  /** Make the list what the server says. */
  refresh() {
    if (this.#refreshing) return this.#work; // one that waits will see what this one would
    this.#refreshing = true;
    return this.#alone((epoch) => {
      this.#refreshing = false;
      return this.#readList(epoch);
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
      this.#reloadTimer = undefined;
      this.#refreshOrLater();
    }, Math.random() * RELOAD_WITHIN);
  }

  loadOlder() {
    return this.#alone(async (epoch) => {
      let added = 0;
      while (!added && this.#cursor) { // what was replayed is here already: go on to what is not
        const page = await this.#page(PAGE, this.#cursor);
        if (epoch !== this.#link.epoch) return;
        added = page.notifications.filter((item) => this.#items.merge({ ...item, passing: false })).length;
        this.#cursor = page.nextCursor;
      }
      this.#changed();
    });
  }

  /** @param {Filter} filter */
  setFilter({ unread = false, type = "" } = {}) {
    this.#items.only({ unread, type });
    this.#cursor = null;
    this.#loaded = false;
    this.#changed();
    return this.refresh();
  }

  /**
   * @param {number} limit
   * @param {string | null} cursor
   * @returns {Promise<ListPage>}
   */
  #page(limit, cursor) {
    const { unread, type } = this.filter;
    const query = new URLSearchParams({ limit: String(limit) });
    if (cursor) query.set("cursor", cursor);
    if (unread) query.set("unread", "true");
    if (type) query.set("type", type);
    return this.#link.call("GET", `?${query}`);
  }

  /**
   * The newest pages, as many as are shown: what they do not have is gone, unless it arrived in the meantime.
   *
   * @param {number} epoch
   */
  async #readList(epoch) {
    this.#stale = false;
    const before = this.#items.ids;
    const { filter } = this;
    const wanted = Math.max(before.length, PAGE);
    const found = /** @type {Notification[]} */ ([]);
    let cursor = /** @type {string | null} */ (null);
    do {
      const page = await this.#page(Math.min(wanted - found.length, PAGE_MAX), cursor);
      if (epoch !== this.#link.epoch || filter !== this.filter) return;
      // Live, events tell the count, and this answer may be older than they are.
      if (!cursor && (this.state !== "live" || this.#count === null)) this.#setCount(page.unreadCount);
      found.push(...page.notifications);
      cursor = page.nextCursor;
    } while (cursor && found.length < wanted);
    this.#items.keep(found.map((item) => item.id), before);
    for (const item of found) this.#items.merge({ ...item, passing: false });
    this.#cursor = cursor;
    this.#loaded = this.#current = true;
    this.#problem = null;
    this.#failures = 0;
    this.#changed();
  }

  /** Which of the newest are in the list: announcements may not be. */
  async #confirm() {
    const { epoch } = this.#link;
    const page = await this.#link.call("GET", "?limit=10").catch(() => null);
    if (!page || epoch !== this.#link.epoch) return;
    for (const item of page.notifications) this.#items.update(item.id, { ...item, passing: false });
    this.#changed();
  }

  /**
   * One after the other. What fails is told, and tried again if the list is still wanted.
   *
   * @param {(epoch: number) => Promise<void>} task
   */
  #alone(task) {
    this.#work = this.#work.then(async () => {
      const { epoch } = this.#link;
      try {
        await task(epoch);
      } catch (problem) {
        if (epoch === this.#link.epoch) this.#failed(/** @type {Problem} */ (problem));
      }
    });
    return this.#work;
  }

  /** @param {Problem} problem */
  #failed(problem) {
    this.#problem = problem;
    this.#emit("problem", { problem });
    this.#changed();
    if ([401, 403].includes(problem.status)) return;
    clearTimeout(this.#listTimer);
    this.#listTimer = setTimeout(() => this.refresh(), RETRY_LIST[Math.min(this.#failures++, RETRY_LIST.length - 1)]);
  }

  // What the reader does

  /** @param {readonly string[]} ids */
  markRead(ids) {
    const unread = ids.filter((id) => !this.#items.get(id)?.read && !this.#items.get(id)?.passing);
    return this.#change(unread, (id) => this.#link.call("PUT", `/${id}/read`), (done) => this.#read(done));
  }

  /** Not what arrives meanwhile, which nobody has seen. */
  async markAllRead() {
    const upTo = this.#items.newest;
    if (!upTo) return true;
    return this.#attempt(async () => {
      await this.#link.call("PUT", "/read-all", { upTo });
      this.#read(this.#items.ids.filter((id) => id <= upTo));
      await this.#countIfAlone();
    });
  }

  /** @param {readonly string[]} ids */
  remove(ids) {
    return this.#change(ids, (id) => this.#link.call("DELETE", `/${id}`), (done) => this.#drop(done));
  }

  /** @param {readonly string[]} ids */
  removeSoon(ids, wait = UNDO_FOR) {
    const remove = (/** @type {string[]} */ mine) => this.remove(mine);
    return removal(ids, wait, { items: this.#items, remove, changed: () => this.#changed() });
  }

  /**
   * Whether this is the one place that should tell the reader of it: of all visible tabs one, and in it once.
   *
   * @param {string} id
   */
  async claim(id) {
    if (this.#claimed.has(id)) return false;
    this.#claimed.add(id);
    return this.#link.claim(id);
  }

  /**
   * Each of these by REST, some at a time. Those that are not there any more are gone, which is nobody's fault.
   *
   * @param {readonly string[]} ids
   * @param {(id: string) => Promise<unknown>} call
   * @param {(done: string[]) => void} done
   */
  #change(ids, call, done) {
    return this.#attempt(async () => {
      const waiting = [...ids];
      const work = async () => {
        for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
          try {
            await call(id);
            done([id]);
          } catch (problem) {
            if (/** @type {Problem} */ (problem).status !== 404) throw problem;
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
    const { epoch } = this.#link;
    if (this.state === "live") return;
    const { unreadCount } = await this.#link.call("GET", "/unread-count");
    if (epoch === this.#link.epoch) this.#setCount(unreadCount);
  }

  /** @param {() => Promise<void>} action */
  async #attempt(action) {
    try {
      await action();
      return true;
    } catch (problem) {
      this.#emit("problem", { problem });
      return false;
    }
  }

  /**
   * @param {string} type
   * @param {object} [detail]
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
