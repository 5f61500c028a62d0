/** The model: what a user's notifications are, and what the user does with them. No view. */

import { acknowledged, mustAcknowledge, waitsForIt } from "./acknowledging.js";
import { changed, CHANGES, chosen } from "./changes.js";
import { HOME, serviceAt } from "./home.js";
import { Items } from "./items.js";
import { Laters } from "./later.js";
import { Link } from "./link.js";
import { Listing } from "./listing.js";
import { Waiting } from "./waiting.js";
import { AT_ONCE, Writes } from "./writes.js";

/** @import { Change, Filter, InboxOptions, Notification, StateDetail } from "../eventide-bell.js" */
/** @import { Problem } from "./rest.js" */
/** @import { Arrival, Edit, Fields, Io, LaterAction, ListPage, Payload } from "./types.js" */
/** @import { SharedEventListener, StateListener, TabMessage } from "./types.js" */

export { PAGE } from "./listing.js";

// Milliseconds
export const UNDO_FOR = 8_000;
const GONE_WITHIN = 1_000; // one that is replaced stays until the other is here
const HERE_WITHIN = 250; // and the other comes when it is known what it replaces

/** The notifications of one user: newest first, each once, as the server has them. See eventide-bell.d.ts. */
export class Inbox extends EventTarget {
  #link;
  #listing;
  #laters;
  #items = new Items();
  #writes = new Writes();
  /** @type {StateDetail} */
  #status = { state: "closed" };
  /** @type {{ unreadCount: number | null, unseenCount: number | null }} */
  #counts = { unreadCount: null, unseenCount: null }; // the server's
  #countsTold = this.#counts;
  /** @type {string | number | undefined} */
  #userId;
  #users = 0; // how many have been signed in here
  /** @type {Set<string>} */
  #told = new Set(); // of these there was an event
  /** @type {Set<string>} */
  #open = new Set(); // of these there was one, and none that they are gone
  /** @type {Set<string>} */
  #claimed = new Set();
  // What replaces others, and what these are, comes in two events. Together they are one change, and nothing flickers.
  #arriving = new Waiting();
  #leaving = new Waiting(); // by the id of what replaces them

  /** @param {InboxOptions} options */
  constructor({ url = HOME, getToken, io = null, sharing = true }) {
    super();
    const items = this.#items;
    const changed = () => this.#changed();
    this.#link = new Link({
      base: serviceAt(url),
      getToken,
      io: /** @type {Io | null} */ (io),
      sharing,
      newest: () => items.newest,
      onBegin: () => this.#begun(),
      onOpen: () => this.#opened(),
      onLeave: () => this.#left(),
      onOther: () => this.#forget(),
      onEvent: (...event) => this.#heard(...event),
      onState: (status) => this.#setStatus(status),
      onTab: (message) => this.#heardTab(message),
    });
    this.#listing = new Listing({
      link: this.#link,
      items,
      onFirst: (page) => this.#listed(page),
      onRead: (ids) => this.#compare(ids),
      onProblem: (problem) => this.#failed("list", problem),
    });
    this.#laters = new Laters({
      items,
      act: (action, ids) => this.#do(action, ids),
      hidden: (action, ids) => this.#settle({ ids: new Set(ids), ...CHANGES[action] }),
      changed: () => {
        this.#count();
        changed();
      },
      post: (later) => this.#link.post({ later }),
    });
  }

  /** @returns {readonly Notification[]} */
  get items() { return this.#items.shown; }
  get unreadCount() { return this.#countsTold.unreadCount; }
  get unseenCount() { return this.#countsTold.unseenCount; }
  get state() { return this.#status.state; }
  get since() { return this.#status.since; }
  get code() { return this.#status.code; }
  get userId() { return this.#userId; }
  get hasOlder() { return this.#listing.hasOlder; }
  get loaded() { return this.#listing.loaded; }
  get problem() { return this.#listing.problem; }
  get filter() { return this.#items.filter; }

  // Life

  start() {
    if (this.#link.started) return;
    this.#listing.watch();
    this.#link.start();
  }

  close() {
    if (!this.#link.started) return;
    this.#listing.unwatch();
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
    this.#listing.begin();
    this.#setStatus({ state: "connecting" });
  }

  #opened() {
    this.#listing.opened();
    this.#link.post({ hello: true });
  }

  #left() {
    this.#laters.leave();
    this.#writes.flush();
    this.#listing.leave();
  }

  #forget() {
    this.#items.forget();
    this.#laters.withheld.clear();
    this.#listing.forget();
    for (const each of [this.#told, this.#open, this.#claimed, this.#arriving, this.#leaving]) each.clear();
    this.#users += 1;
    this.#userId = undefined;
    this.#setCounts({ unreadCount: null, unseenCount: null });
    this.#changed();
  }

  // What the server tells

  /** @type {SharedEventListener} */
  #heard(event, payload, handover) {
    if (event === "connected") this.#userId = payload.userId;
    if (event === "notification") this.#arrived(/** @type {Arrival} */ (payload), handover);
    if (event === "notification_read") this.#tell(payload, CHANGES.read);
    if (event === "notification_deleted") this.#deleted(payload);
    if (event === "notification_updated") this.#updated(payload);
    if (event === "catch_up_complete") this.#listing.refreshOrLater();
    if (event === "reload") this.#listing.refreshSoon();
    this.#setCounts(payload);
  }

  /**
   * @param {Arrival} arrival
   * @param {boolean} handover
   */
  #arrived(arrival, handover) {
    const { id, collapsed, replayed } = arrival;
    if (this.#arriving.has(id)) return; // a copy
    if (!collapsed || replayed || this.#told.has(id) || this.#leaving.has(id)) this.#take(arrival, handover);
    else this.#arriving.add(id, HERE_WITHIN, () => this.#take(arrival, handover));
  }

  /**
   * @param {Arrival} arrival
   * @param {boolean} handover
   */
  #take({ replayed = false, reminder = false, ...item }, handover) {
    const known = this.#items.knows(item.id);
    this.#items.arrive(item);
    this.#leaving.due(item.id);
    this.#changed();
    const notification = this.#items.get(item.id) ?? item;
    if (reminder) {
      if (this.#items.isDeleted(item.id) || !mustAcknowledge(notification)) return;
      this.#claimed.delete(item.id); // it is news once more
    }
    // A replay may be of what the list had; what is live is news, even if a list was quicker.
    else if (this.#told.has(item.id) || (replayed && known)) return;
    this.#told.add(item.id);
    if (!item.read) this.#open.add(item.id);
    this.#emit("notification", { notification, replayed: replayed && !handover, reminder });
  }

  /** @param {Payload} payload */
  #deleted(payload) {
    const { reason = "deleted", replacedBy } = payload;
    const edit = { ...CHANGES.remove, gone: reason, replacedBy, mayReturn: reason === "unsubscribed" };
    if (!replacedBy || this.#told.has(replacedBy)) return this.#tell(payload, edit);
    this.#leaving.add(replacedBy, GONE_WITHIN, () => this.#tell(payload, edit));
    this.#arriving.due(replacedBy);
  }

  /** @param {Payload} payload */
  #updated({ changes = {}, ...payload }) {
    const fields = changes.read ? { ...changes, seen: true } : changes;
    const gone = fields.archived ? CHANGES.archive.gone : fields.read ? CHANGES.read.gone : undefined;
    this.#tell(payload, { fields, gone });
  }

  /**
   * What has happened to `ids`, or to `all` up to `upTo`.
   *
   * @param {Payload} payload
   * @param {Omit<Edit, "ids" | "upTo">} change
   */
  #tell({ ids = [], all = false, upTo }, change) {
    const edit = { ids: all ? null : new Set(ids), upTo, ...change };
    const lacks = this.#listing.lacks(edit);
    this.#items.tell(edit);
    this.#laters.withheld.tell(edit);
    this.#settle(edit);
    this.#changed();
    if (lacks) this.#listing.refreshOrLater();
  }

  /** @param {Edit} edit */
  #settle(edit) {
    const { ids, gone, replacedBy } = edit;
    if (gone) this.#gone(ids ? [...ids] : [...this.#open].filter((id) => this.#isAmong(id, edit)), gone, replacedBy);
  }

  /**
   * Whether "all" is of this one, too; of what is not here only its id is known.
   *
   * @param {string} id
   * @param {Edit} edit
   */
  #isAmong(id, { upTo, fields }) {
    return (!upTo || id <= upTo) && this.#isFree(id, fields);
  }

  /**
   * These need no attention any more.
   *
   * @param {readonly string[]} ids
   * @param {string} reason
   * @param {string} [replacedBy]
   */
  #gone(ids, reason, replacedBy) {
    const some = ids.filter((id) => this.#open.delete(id));
    if (some.length) this.#emit("gone", { ids: some, reason, ...(replacedBy && { replacedBy }) });
  }

  /** @param {{ unreadCount?: number | null, unseenCount?: number | null }} counts */
  #setCounts({ unreadCount, unseenCount = null }) {
    if (unreadCount !== undefined) this.#counts = { unreadCount, unseenCount }; // a retraction may come without
    this.#count();
  }

  /** The counts without what the reader has deleted, which the server still counts until it is told. */
  #count() {
    const { unread, unseen } = this.#laters.withheld;
    const left = (/** @type {number | null} */ count, /** @type {number} */ less) => count && Math.max(count - less, 0);
    const counts = {
      unreadCount: left(this.#counts.unreadCount, unread), unseenCount: left(this.#counts.unseenCount, unseen),
    };
    if (counts.unreadCount === this.unreadCount && counts.unseenCount === this.unseenCount) return;
    this.#countsTold = counts;
    this.#emit("unread", { ...counts });
  }

  /** @type {StateListener} */
  #setStatus(status) {
    const before = this.#status;
    this.#status = status;
    if (before.state === status.state && before.code === status.code && `${before.since}` === `${status.since}`) return;
    this.#emit("state", status);
    // A tab that follows was not there when the leader's connection began.
    if (this.#listing.isCurrent) return;
    if (status.state === "live" && !this.#link.leads) this.#listing.refreshOrLater();
    if (["offline", "refused"].includes(status.state)) this.refresh();
  }

  /** @param {TabMessage} message */
  #heardTab({ hello, later }) {
    if (hello) this.#laters.repeat();
    if (later) this.#laters.hear(later);
  }

  // The list

  refresh() { return this.#listing.refresh(); }
  loadOlder() { return this.#listing.loadOlder(); }

  /** @param {Filter} filter */
  setFilter(filter = {}) {
    const reading = this.#listing.setFilter(filter);
    this.#changed();
    return reading;
  }

  /**
   * Live, events tell the counts, and an answer may be older than they are.
   *
   * @param {ListPage} page
   */
  #listed(page) {
    if (this.state !== "live" || this.unreadCount === null) this.#setCounts(page);
  }

  /** @param {string[]} ids */
  #compare(ids) {
    this.#gone(ids.filter((id) => !this.#items.get(id)), "deleted");
    this.#gone(ids.filter((id) => this.#items.get(id)?.archived), "archived");
    this.#gone(ids.filter((id) => this.#items.get(id)?.read), "read");
    this.#changed();
  }

  // What the user does

  /** @param {readonly string[]} ids */
  seen(ids) { return this.#do("seen", ids); }
  /** @param {readonly string[]} ids */
  read(ids) { return this.#do("read", ids); }
  /** @param {readonly string[]} ids */
  unread(ids) { return this.#do("unread", ids); }
  /** @param {readonly string[]} ids */
  archive(ids) { return this.#do("archive", ids); }
  /** @param {readonly string[]} ids */
  unarchive(ids) { return this.#do("unarchive", ids); }
  /** @param {readonly string[]} ids */
  remove(ids) { return this.#do("remove", ids); }
  seenAll() { return this.#doAll("seen"); }
  readAll() { return this.#doAll("read"); }

  /**
   * @param {string} id
   * @param {string} actionId
   */
  choose(id, actionId) {
    const ask = () => this.#link.call("PUT", `/${id}/action`, { actionId });
    return this.#press("choose", id, chosen(actionId), "action", ask);
  }

  /** @param {string} id */
  acknowledge(id) {
    const ask = () => this.#link.call("POST", `/${id}/acknowledge`);
    return this.#press("acknowledge", id, acknowledged(), "acknowledgedAt", ask);
  }

  /**
   * What is done to one, and reads it; the answer has this `member` as it is then.
   *
   * @param {"choose" | "acknowledge"} action
   * @param {string} id
   * @param {Fields} fields
   * @param {"action" | "acknowledgedAt"} member
   * @param {() => Promise<Notification>} ask
   */
  #press(action, id, fields, member, ask) {
    const edit = { ids: new Set([id]), fields, gone: CHANGES.read.gone };
    return this.#change(action, edit, null, async () => {
      edit.fields = { ...fields, [member]: (await ask())[member] };
      return this.state === "live" ? {} : this.#link.call("GET", "/unread-count");
    });
  }

  /**
   * @param {LaterAction} action
   * @param {readonly string[]} ids
   */
  later(action, ids, wait = UNDO_FOR) {
    return this.#laters.add(action, ids.filter((id) => this.#isFree(id, CHANGES[action].fields)), wait);
  }

  /**
   * Whether this is the one place that should tell the reader of it: of all visible tabs one, and in it once. `hidden`:
   * of those that are not visible one, if none is.
   *
   * @param {string} id
   * @param {{ hidden?: boolean }} [options]
   */
  async claim(id, options) {
    if (this.#claimed.has(id)) return false;
    this.#claimed.add(id);
    return this.#link.claim(id, options);
  }

  /**
   * @param {Change} action
   * @param {readonly string[]} wanted
   */
  async #do(action, wanted) {
    const { name, fields, gone } = CHANGES[action];
    const some = [...new Set(wanted)].filter((id) => this.#isLeft(id, fields));
    const isLocal = (/** @type {string} */ id) => this.#items.get(id)?.stored === false; // the server does not have it
    const local = some.filter(isLocal);
    const ids = some.filter((id) => !isLocal(id));
    if (local.length && ["remove", "archive"].includes(action)) this.#tell({ ids: local }, CHANGES.remove);
    const done = [];
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const part = ids.slice(at, at + AT_ONCE);
      const send = (/** @type {string[] | null} */ all) =>
        this.#link.call("POST", "/actions", { action: name, ids: all });
      done.push(this.#change(action, { ids: new Set(part), fields, gone }, part, send));
    }
    return (await Promise.all(done)).every(Boolean);
  }

  /**
   * Whether there is anything to change in it; of what is not here nobody knows.
   *
   * @param {string} id
   * @param {Fields | null} fields
   */
  #isLeft(id, fields) {
    const item = this.#items.get(id);
    if (!this.#isFree(id, fields)) return false;
    return item === undefined || fields === null || (item !== null && changed(item, fields) !== item);
  }

  /**
   * Whether it need not be acknowledged before this.
   *
   * @param {string} id
   * @param {Fields | null} fields
   */
  #isFree(id, fields) {
    const item = this.#items.get(id);
    return !(item && waitsForIt(fields) && mustAcknowledge(item));
  }

  /**
   * Whether there may be any for `seenAll` or `readAll`. A count can be older than what has just arrived.
   *
   * @param {"seen" | "read"} action
   */
  #isAnyLeft(action) {
    const count = action === "seen" ? this.unseenCount : this.unreadCount;
    return count !== 0 || this.items.some((item) => !item[action] && item.stored !== false);
  }

  /**
   * Not what arrives meanwhile, which nobody has seen.
   *
   * @param {"seen" | "read"} action
   */
  async #doAll(action) {
    const { name, fields, gone } = CHANGES[action];
    const upTo = this.#items.newest;
    if (!upTo || !this.#isAnyLeft(action)) return true;
    const send = () => this.#link.call("POST", "/actions", { action: name, all: true, upTo });
    return this.#change(action, { ids: null, upTo, fields, gone }, null, send);
  }

  /**
   * Show it at once; when the server has done it, it is so, and otherwise as before.
   *
   * @param {Change | "choose" | "acknowledge"} action
   * @param {Edit} edit
   * @param {string[] | null} ids
   * @param {(ids: string[] | null) => Promise<Payload>} send
   */
  async #change(action, edit, ids, send) {
    const user = this.#users;
    const mark = this.#items.begin();
    this.#items.lay(edit);
    this.#settle(edit);
    this.#changed();
    try {
      const answer = await this.#writes.add(action, ids, send);
      if (user !== this.#users) return true;
      this.#items.confirm(edit, mark);
      if (this.state !== "live") {
        this.#laters.withheld.tell(edit);
        this.#setCounts(answer);
      }
      return true;
    } catch (failure) {
      const problem = /** @type {Problem} */ (failure);
      if (user !== this.#users) return false;
      if (problem.status === 404 && action !== "choose" && edit.ids) { // they are gone already, which is nobody's fault
        this.#tell({ ids: [...edit.ids] }, CHANGES.remove);
        return true;
      }
      this.#failed(action, problem);
      return false;
    } finally {
      this.#items.lift(edit);
      this.#items.end();
      this.#changed();
    }
  }

  /**
   * @param {Change | "choose" | "acknowledge" | "list"} action
   * @param {Problem} problem
   */
  #failed(action, problem) {
    this.#emit("problem", { problem, action });
    this.#changed();
  }

  #changed() {
    this.#emit("change");
  }

  /**
   * @param {string} type
   * @param {object} [detail]
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
