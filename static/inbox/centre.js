/**
 * The notification centre: an `Inbox` as a page, with filters, search, a selection, keys and undo.
 *
 *   <link rel="stylesheet" href="https://notify.example.com/client/inbox.css">
 *   <main id="inbox"></main>
 *
 *   import { showInbox } from "https://notify.example.com/client/inbox/centre.js";
 *   showInbox(document.querySelector("#inbox"), { getToken, appUrl: "https://app.example.com/" });
 */

import { Inbox, mustAcknowledge } from "../eventide-bell.js";
import { Actions } from "./actions.js";
import { drawer, setText } from "./dom.js";
import { Filters } from "./filters.js";
import { helpSheet, shortcutOf, UNDO_KEY } from "./keys.js";
import { List } from "./list.js";
import { renderNote, renderProblem } from "./note.js";
import { isUnread } from "./row.js";
import { Selection } from "./selection.js";
import { sayer } from "./strings.js";
import { nameOf } from "./text.js";
import { UndoBar } from "./undo.js";
import { makeView } from "./view.js";

const LONG = 20; // notifications, after which it is said that there are no more
const AHEAD = "1500px 0px"; // how far before the end older ones are loaded
const PAUSE = 200; // milliseconds: what arrives meanwhile is shown together
const SEEN_AFTER = 500; // milliseconds: of several that arrive together the server is told once

/**
 * Show the user's notifications in `root`, until `close()` of what is given back: `{inbox, focus, close}`.
 *
 * `getToken`, `url`, `io`, `sharing`: as for `Inbox`. `appUrl`: the application's address, against which relative links
 * are resolved (default: this page's). `strings`: replaces texts, see strings.js.
 *
 * Before a link is followed in this tab, `root` gets the event `open` with `{notification, url}`; `preventDefault()`
 * keeps the browser from it.
 */
export function showInbox(root, options) {
  const centre = new Centre(root, options);
  centre.start();
  return { inbox: centre.inbox, focus: () => centre.focus(), close: () => centre.close() };
}

/** Whether some unread ones are not shown: the server marks all as read by itself, but not those that a filter shows. */
const isNarrow = ({ type, q }) => Boolean(type || q);

const isFree = (item) => !mustAcknowledge(item);

/** Its id. */
const newestOf = (items) => items.reduce((newest, { id }) => (newest > id ? newest : id), "");

class Centre {
  inbox;
  #root;
  #say;
  #view;
  #list;
  #filters;
  #actions;
  #undo;
  #help;
  #selection = new Selection();
  #arrived = []; // of which nothing was said yet
  #seen; // the newest one that was shown
  #seenTimer = 0;
  #clock = 0;
  #loading = false;
  #end = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && this.#loadOlder(), { rootMargin: AHEAD });
  #stuck = new ResizeObserver(([{ target }]) => this.#root.style.setProperty("--stuck", `${target.offsetHeight}px`));
  #drawer = drawer(() => this.#show(), PAUSE);
  #showSoon = this.#drawer.soon;

  constructor(root, { appUrl, strings, ...options }) {
    const inbox = (this.inbox = new Inbox(options));
    const say = (this.#say = sayer(strings));
    const view = (this.#view = makeView(say));
    this.#root = root;
    this.#actions = new Actions({
      inbox, root, changed: () => this.#showSoon(), done: (...done) => this.#done(...done),
      refused: () => this.#tell(say("acknowledgeFirst")),
    });
    this.#filters = new Filters(view, {
      inbox, changed: () => this.#selection.clear(), leave: () => this.#list.move(0),
    });
    this.#list = new List(view.list, { selection: this.#selection, above: view.stuck, context: {
      say,
      appUrl: new URL(appUrl || ".", document.baseURI).href,
      open: (...event) => this.#actions.open(...event),
      act: (action, id) => this.#actions.act(action, [id]),
      choose: (...choice) => this.#actions.choose(...choice),
      acknowledge: (item) => this.#acknowledge(item),
    } });
    this.#undo = new UndoBar(say, () => this.#list.focus());
    this.#help = helpSheet(say);
    root.classList.add("eventide-inbox");
    root.replaceChildren(...view.parts, this.#undo.element, this.#help.sheet);
    this.#end.observe(view.end);
    this.#stuck.observe(view.stuck);
    this.#listen();
  }

  start() {
    const { inbox } = this;
    const listen = (type, listener) => inbox.addEventListener(type, ({ detail }) => listener(detail));
    for (const type of ["change", "unread", "state", "problem"]) listen(type, this.#drawer.later);
    listen("notification", ({ replayed, ...arrived }) => replayed || this.#arrived.push(arrived));
    document.addEventListener("keydown", this.#key);
    document.addEventListener("visibilitychange", this.#showSoon);
    this.#clock = setInterval(() => this.#list.tick(), 10_000);
    inbox.start();
    this.#show();
  }

  focus() {
    this.#list.focus();
  }

  close() {
    this.#undo.close();
    this.inbox.close();
    this.#end.disconnect();
    this.#stuck.disconnect();
    this.#list.close();
    document.removeEventListener("keydown", this.#key);
    document.removeEventListener("visibilitychange", this.#showSoon);
    this.#filters.close();
    for (const timer of [this.#clock, this.#seenTimer]) clearTimeout(timer);
    this.#showSoon = () => {};
    this.#root.replaceChildren();
  }

  // Showing

  #show() {
    const { inbox } = this;
    if (!this.#view.list.isConnected) return;
    const { items } = inbox;
    this.#selection.keep(items.filter(isFree));
    this.#root.toggleAttribute("data-searching", Boolean(inbox.filter.q));
    this.#list.render(items, { searched: inbox.filter.q ?? "", complete: !inbox.hasOlder });
    setText(this.#view.count, this.#say("unreadCount", inbox.unreadCount));
    this.#showState();
    this.#filters.showTypes(items);
    this.#showBar(items);
    this.#showNotes(items);
    this.#tellArrived();
    this.#tellSeen(items);
  }

  #showState() {
    const { state, since } = this.inbox;
    const time = since?.toLocaleTimeString(this.#say("locale"), { hour: "numeric", minute: "2-digit" });
    this.#root.dataset.state = state;
    setText(this.#view.state, this.#say(state, time));
  }

  #showBar(items) {
    const { all, selected, more, read, archive, remove, readAll } = this.#view;
    const number = this.#selection.size;
    const free = items.filter(isFree).length;
    const hadFocus = [read, archive, remove, readAll, more].find((each) => each.matches(":focus"));
    setText(selected, this.#say(number ? "selected" : "selectAll", number));
    all.checked = number > 0 && number === free;
    all.indeterminate = number > 0 && number < free;
    all.disabled = !free;
    const unread = items.some((item) => this.#selection.has(item.id) && isUnread(item));
    setText(read, this.#say(unread ? "markRead" : "markUnread"));
    setText(archive, this.#say(this.inbox.filter.archived ? "unarchive" : "archive"));
    for (const each of [read, archive, remove]) each.hidden = !number;
    more.hidden = !(all.checked && this.inbox.hasOlder);
    readAll.hidden = number > 0 || Boolean(this.inbox.filter.archived);
    readAll.setAttribute("aria-disabled", !this.#hasUnread(items));
    if (hadFocus?.hidden) this.#list.focus();
  }

  /** Whether the filter shows any unread ones, or may when older ones are loaded. */
  #hasUnread(items) {
    const { inbox } = this;
    if (!items.length || inbox.unreadCount <= items.length - items.filter(isFree).length) return false;
    return !isNarrow(inbox.filter) || inbox.hasOlder || items.some((item) => isUnread(item) && isFree(item));
  }

  #showNotes(items) {
    const { note, problem, end } = this.#view;
    const about = { inbox: this.inbox, say: this.#say };
    renderNote(note, { ...about, clear: () => this.#filters.clear() });
    renderProblem(problem, { ...about, failed: this.#actions.failed, dismiss: () => this.#actions.dismiss() });
    const { hasOlder } = this.inbox;
    const isLoading = items.length && hasOlder && !this.inbox.problem;
    setText(end, isLoading ? this.#say("loading") : items.length > LONG && !hasOlder ? this.#say("allLoaded") : "");
    this.#lookAgain();
  }

  /** What is on the screen has been seen. */
  #tellSeen(items) {
    const { unseenCount, filter } = this.inbox;
    if (!unseenCount || filter.archived || document.visibilityState !== "visible") return;
    const newest = newestOf(items); // it may be below older ones that must be acknowledged
    if (!newest || newest === this.#seen) return;
    this.#seen = newest;
    clearTimeout(this.#seenTimer);
    this.#seenTimer = setTimeout(() => this.inbox.seenAll(), SEEN_AFTER);
  }

  /** What is new since the list was shown. */
  #tellArrived() {
    const [first, ...more] = this.#arrived.splice(0);
    if (!first) return;
    const { notification, reminder } = first;
    const one = () => this.#say(reminder ? "reminder" : "arrived", nameOf(notification));
    this.#tell(more.length ? this.#say("arrivedMany", more.length + 1) : one());
  }

  /** Say it to screen readers, also if it is what was said last. */
  #tell(text) {
    const { spoken } = this.#view;
    spoken.textContent = spoken.textContent === text ? `${text}\u00a0` : text;
  }

  async #loadOlder() {
    if (this.#loading || !this.inbox.hasOlder || this.inbox.problem) return;
    this.#loading = true;
    await this.inbox.loadOlder();
    this.#loading = false;
    requestAnimationFrame(() => this.#lookAgain());
  }

  /** The end may be as near as before, of which an observer says nothing unless it begins anew. */
  #lookAgain() {
    const { end } = this.#view;
    if (this.#loading || !this.inbox.hasOlder) return;
    this.#end.unobserve(end);
    if (end.isConnected) this.#end.observe(end);
  }

  // Selecting

  #listen() {
    const { list, all, more, read, archive, remove, readAll, help } = this.#view;
    list.addEventListener("click", (event) => this.#clicked(event), { capture: true });
    all.addEventListener("change", () => this.#selectAll(all.checked));
    more.addEventListener("click", () => this.#selectEverything());
    read.addEventListener("click", () => this.#actions.act("read", this.#selection.ids));
    archive.addEventListener("click", () => this.#actions.act("archive", this.#selection.ids));
    remove.addEventListener("click", () => this.#actions.act("remove", this.#selection.ids));
    readAll.addEventListener("click", () => readAll.getAttribute("aria-disabled") === "true" || this.#readAll());
    help.addEventListener("click", () => this.#help.open());
  }

  /** With Shift a click selects from the last one to this. */
  #clicked(event) {
    const id = event.target.closest(".row")?.dataset.id;
    const box = event.target.closest("input");
    if (!id || event.target.closest(".tools, .choices") || !(box || event.shiftKey)) return;
    if (event.shiftKey) {
      if (!box) event.preventDefault(); // a link would open a window
      getSelection()?.removeAllRanges();
      this.#selection.extend(id, this.#list.order, box?.checked ?? true);
    } else this.#selection.set(id, box.checked);
    this.#showSoon();
  }

  #selectAll(on) {
    if (on) this.#selection.replace(this.inbox.items.filter(isFree).map(({ id }) => id)); // those not drawn yet, too
    else this.#selection.clear();
    this.#showSoon();
  }

  async #selectEverything() {
    const { filter } = this.inbox;
    await this.#loadAll();
    if (this.inbox.filter === filter) this.#selectAll(true);
  }

  /** All that the filter shows, but not what arrives meanwhile, which nobody has seen. */
  async #readAll() {
    const { inbox } = this;
    if (!isNarrow(inbox.filter)) return inbox.readAll();
    const newest = newestOf(inbox.items); // none while they are being looked for
    if (!newest || !(await this.#loadAll())) return;
    const unread = inbox.items.filter((item) => item.id <= newest && isUnread(item) && isFree(item));
    this.#actions.act("read", unread.map(({ id }) => id));
  }

  /** Whether all that the filter shows is here now. */
  async #loadAll() {
    const { inbox } = this;
    const { filter } = inbox;
    while (inbox.hasOlder && !inbox.problem && inbox.filter === filter) await inbox.loadOlder();
    return !inbox.hasOlder && inbox.filter === filter;
  }

  /** The keyboard goes on to what takes its place. */
  async #acknowledge(item) {
    const done = this.#list.moving(item.id, () => {
      const done = this.#actions.acknowledge(item);
      this.#drawer.due();
      return done;
    });
    if (await done) this.#tell(this.#say("acknowledged"));
  }

  /** `later`: how it can be undone. */
  #done(action, number, later) {
    const said = this.#say("done")[action](number);
    this.#undo.offer(said, later);
    this.#tell(`${said}. ${this.#say("undoKey", UNDO_KEY)}`);
    this.#showSoon();
  }

  // Keys

  #key = (event) => {
    const { target } = event;
    if (target !== document.body && !this.#root.contains(target)) return;
    if (this.#help.sheet.open) return;
    const name = shortcutOf(event);
    if (name) this.#drawer.due(); // the key is for all that is there
    if (name && this.#press(name) !== false) event.preventDefault();
  };

  /** `false`: the key was not for us. */
  #press(name) {
    const list = this.#list;
    const chosen = () => (this.#selection.size ? this.#selection.ids : list.current ? [list.current] : []);
    const extend = (by) => {
      if (list.current && !this.#selection.has(list.current)) this.#selection.set(list.current, true);
      list.move(by);
      if (list.current) this.#selection.extend(list.current, list.order);
      this.#showSoon();
    };
    const actions = {
      next: () => list.move(1),
      previous: () => list.move(-1),
      first: () => list.move(-Infinity),
      last: () => list.move(Infinity),
      extendNext: () => extend(1),
      extendPrevious: () => extend(-1),
      open: () => list.main?.click(),
      read: () => this.#actions.act("read", chosen()),
      archive: () => this.#actions.act("archive", chosen()),
      remove: () => this.#actions.act("remove", chosen()),
      undo: () => this.#undo.undo() && this.#tell(this.#say("undone")),
      select: () => {
        if (!list.current) return;
        this.#selection.toggle(list.current);
        this.#showSoon();
      },
      selectAll: () => this.#selectAll(true),
      clear: () => this.#selectAll(false),
      search: () => this.#filters.search(),
      help: () => this.#help.open(),
    };
    return actions[name]();
  }
}
