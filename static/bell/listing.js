/** The list as the server has it: pages of it, asked for when that is needed. */

/** @import { Filter } from "../eventide-bell.js" */
/** @import { Items } from "./items.js" */
/** @import { Link } from "./link.js" */
/** @import { Problem } from "./rest.js" */
/** @import { Edit, ListPage } from "./types.js" */

export const PAGE = 30;
const ID = 36; // characters of a cursor that are an id; one among those on top begins with letters that no id has
const PAGE_MAX = 100; // the server's limit

// Milliseconds
const RETRY = [2_000, 5_000, 15_000, 30_000];
const RELOAD_WITHIN = 2_000; // all clients are asked to at once, and must not ask back at once
const READ_WITHOUT_LIVE = 1_000; // how long the list waits for the connection, which should come first

export class Listing {
  #link;
  #items;
  #onRead;
  #onFirst;
  #onProblem;
  /** @type {string | null} */
  #cursor = null;
  #loaded = false;
  #current = false;
  /** @type {Problem | null} */
  #problem = null;
  /** @type {Promise<void>} */
  #work = Promise.resolve();
  #refreshing = false;
  #stale = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reloadTimer;

  /**
   * @param {{
   *   link: Link,
   *   items: Items,
   *   onRead: (ids: string[]) => void,
   *   onFirst: (page: ListPage) => void,
   *   onProblem: (problem: Problem) => void,
   * }} options `onRead`: the list was read; of what was here before, these are in it or are gone. `onFirst`: the newest
   *   page of it has come. `onProblem`: it could not be read.
   */
  constructor({ link, items, onRead, onFirst, onProblem }) {
    this.#link = link;
    this.#items = items;
    this.#onRead = onRead;
    this.#onFirst = onFirst;
    this.#onProblem = onProblem;
  }

  get hasOlder() { return this.#cursor !== null; }
  get loaded() { return this.#loaded; }
  get problem() { return this.#problem; }
  /** Whether the list was read since this tab joined the others. */
  get isCurrent() { return this.#current; }

  // Life

  watch() {
    document.addEventListener("visibilitychange", this.#looked);
  }

  unwatch() {
    document.removeEventListener("visibilitychange", this.#looked);
  }

  /** A connection is made, from now on. */
  begin() {
    this.#current = false;
  }

  opened() {
    this.#timer = setTimeout(() => this.#current || this.refresh(), READ_WITHOUT_LIVE);
  }

  leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#reloadTimer);
    this.#reloadTimer = undefined;
  }

  /** Another user is signed in. */
  forget() {
    this.#cursor = this.#problem = null;
    this.#loaded = false;
  }

  #looked = () => {
    if (this.#stale && document.visibilityState === "visible") this.refresh();
  };

  // Reading

  /** Make the list what the server says. */
  refresh() {
    if (this.#refreshing) return this.#work; // one that waits will see what this one would
    this.#refreshing = true;
    return this.#alone((epoch) => {
      this.#refreshing = false;
      return this.#read(epoch);
    });
  }

  /** All tabs hear what makes this necessary. Only who is looked at asks the server at once. */
  refreshOrLater() {
    this.#stale = true;
    if (document.visibilityState === "visible") this.refresh();
  }

  /** Changes of state may not have come. Each tab hears of it, and asks for itself. */
  refreshSoon() {
    this.#reloadTimer ||= setTimeout(() => {
      this.#reloadTimer = undefined;
      this.refreshOrLater();
    }, Math.random() * RELOAD_WITHIN);
  }

  loadOlder() {
    if (!this.#loaded) return this.refresh(); // the first page is the next one
    return this.#alone(async (epoch) => {
      let added = 0;
      while (!added && this.#cursor) { // what was replayed is here already: go on to what is not
        const { filter } = this.#items;
        const mark = this.#items.begin();
        try {
          const page = await this.#page(PAGE, this.#cursor);
          if (epoch !== this.#link.epoch || filter !== this.#items.filter) return;
          added = this.#items.add(page.notifications, mark);
          this.#cursor = page.nextCursor;
        } finally {
          this.#items.end();
        }
      }
      this.#onRead([]);
    });
  }

  /** @param {Filter} filter */
  setFilter(filter) {
    this.#items.only(filter);
    this.#cursor = null;
    this.#loaded = false;
    return this.refresh();
  }

  /**
   * Whether what an edit has made of these may belong into the list, which does not have them.
   *
   * @param {Edit} edit
   */
  lacks({ ids, fields }) {
    const { unread, archived } = this.#items.filter;
    if (fields?.archived !== archived && !(unread && fields?.read === false)) return false;
    if (!ids) return true;
    const top = new Set(this.#items.top);
    const listed = this.#items.ids.filter((id) => !top.has(id));
    const oldest = this.hasOlder ? listed.reduce((a, b) => (a < b ? a : b), "~") : "";
    return [...ids].some((id) => id > oldest && !this.#items.knows(id));
  }

  /**
   * The newest pages, as many as are shown: what they do not have is gone, unless it arrived in the meantime.
   *
   * @param {number} epoch
   */
  async #read(epoch) {
    this.#stale = false;
    const before = this.#items.ids;
    const top = new Set(this.#items.top);
    const { filter } = this.#items;
    const wanted = Math.max(before.length, PAGE);
    const mark = this.#items.begin();
    try {
      const found = /** @type {ListPage["notifications"]} */ ([]);
      let cursor = /** @type {string | null} */ (null);
      do {
        const page = await this.#page(Math.min(wanted - found.length, PAGE_MAX), cursor);
        if (epoch !== this.#link.epoch || filter !== this.#items.filter) return;
        if (!cursor) this.#onFirst(page);
        found.push(...page.notifications);
        cursor = page.nextCursor;
      } while (cursor && found.length < wanted);
      this.#items.keep(found.map((item) => item.id), before);
      this.#items.add(found, mark);
      this.#cursor = cursor;
    } finally {
      this.#items.end();
    }
    this.#loaded = this.#current = true;
    this.#problem = null;
    this.#failures = 0;
    clearTimeout(this.#timer);
    const oldest = this.#cursor?.slice(0, ID) ?? "";
    this.#onRead(before.filter((id) => id >= oldest || top.has(id)));
  }

  /**
   * @param {number} limit
   * @param {string | null} cursor
   * @returns {Promise<ListPage>}
   */
  #page(limit, cursor) {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries({ cursor, ...this.#items.filter })) {
      if (value) query.set(name, String(value));
    }
    return this.#link.call("GET", `?${query}`);
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
    this.#onProblem(problem);
    if ([401, 403].includes(problem.status)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), RETRY[Math.min(this.#failures++, RETRY.length - 1)]);
  }
}
