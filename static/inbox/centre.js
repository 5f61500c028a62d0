/**
 * The notification centre: an `Inbox` as a page, with filters, search, a selection, keys and undo.
 *
 *   <link rel="stylesheet" href="https://notify.example.com/client/inbox.css">
 *   <main id="inbox"></main>
 *
 *   import { showInbox } from "https://notify.example.com/client/inbox/centre.js";
 *   showInbox(document.querySelector("#inbox"), { getToken, appUrl: "https://app.example.com/" });
 */

import { Inbox, readable } from "../eventide-bell.js";
import { drawSoon, setText } from "./dom.js";
import { helpSheet, shortcutOf } from "./keys.js";
import { List } from "./list.js";
import { renderNote, renderProblem } from "./note.js";
import { isUnread } from "./row.js";
import { Selection } from "./selection.js";
import { sayer } from "./strings.js";
import { nameOf } from "./text.js";
import { reversible, UndoBar } from "./undo.js";
import { makeView } from "./view.js";

const LONG = 20; // notifications, after which it is said that there are no more
const TYPING = 250; // milliseconds after the last letter until the server is asked
const AHEAD = "1500px 0px"; // how far before the end older ones are loaded
const SEEN_AFTER = 500; // milliseconds: of several that arrive together the server is told once

/**
 * Show the user's notifications in `root`, until `close()` of what is given back: `{inbox, close}`.
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
  return { inbox: centre.inbox, close: () => centre.close() };
}

class Centre {
  inbox;
  #root;
  #say;
  #view;
  #list;
  #undo;
  #help;
  #selection = new Selection();
  #types = new Set();
  #failed = null;
  #seen; // the newest one that was shown
  #seenTimer = 0;
  #typing = 0;
  #clock = 0;
  #loading = false;
  #end = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#loadOlder(), { rootMargin: AHEAD });
  #showSoon = drawSoon(() => this.#show());

  constructor(root, { appUrl, strings, ...options }) {
    this.inbox = new Inbox(options);
    this.#root = root;
    this.#say = sayer(strings);
    this.#view = makeView(this.#say);
    const context = {
      say: this.#say,
      appUrl: new URL(appUrl || ".", document.baseURI).href,
      open: (...event) => this.#open(...event),
      act: (action, id) => this.#act(action, [id]),
      choose: (item, action) => this.#choose(item, action),
    };
    this.#list = new List(this.#view.list, { selection: this.#selection, above: this.#view.bar, context });
    this.#undo = new UndoBar(this.#say, () => this.#list.focus());
    this.#help = helpSheet(this.#say);
    const { parts, end } = this.#view;
    root.classList.add("eventide-inbox");
    root.replaceChildren(...parts, this.#undo.element, this.#help.sheet);
    this.#end.observe(end);
    this.#listen();
  }

  start() {
    const { inbox } = this;
    const listen = (type, listener) => inbox.addEventListener(type, ({ detail }) => listener(detail));
    listen("change", this.#showSoon);
    listen("unread", this.#showSoon);
    listen("state", this.#showSoon);
    listen("problem", this.#showSoon);
    listen("notification", ({ notification, replayed }) => {
      if (!replayed) this.#tell(this.#say("arrived", nameOf(notification)));
    });
    document.addEventListener("keydown", this.#key);
    document.addEventListener("visibilitychange", this.#showSoon);
    this.#clock = setInterval(() => this.#list.tick(), 10_000);
    inbox.start();
    this.#show();
  }

  close() {
    this.#undo.close();
    this.inbox.close();
    this.#end.disconnect();
    this.#list.close();
    document.removeEventListener("keydown", this.#key);
    document.removeEventListener("visibilitychange", this.#showSoon);
    for (const timer of [this.#clock, this.#typing, this.#seenTimer]) clearTimeout(timer);
    this.#showSoon = () => {};
    this.#root.replaceChildren();
  }

  // Showing

  #show() {
    const { inbox } = this;
    if (!this.#view.list.isConnected) return;
    const { items } = inbox;
    this.#selection.keep(items);
    this.#list.render(items, { searched: inbox.filter.q ?? "", complete: !inbox.hasOlder });
    setText(this.#view.count, this.#say("unreadCount", inbox.unreadCount));
    this.#showState();
    this.#showTypes(items);
    this.#showBar(items);
    this.#showNotes(items);
    this.#tellSeen(items);
  }

  #showState() {
    const { state, since } = this.inbox;
    const time = since?.toLocaleTimeString(this.#say("locale"), { hour: "numeric", minute: "2-digit" });
    this.#root.dataset.state = state;
    setText(this.#view.state, this.#say(state, time));
  }

  #showTypes(items) {
    const { type: select } = this.#view;
    for (const { type } of items) {
      if (this.#types.has(type)) continue;
      this.#types.add(type);
      const after = [...select.options].slice(1).find((option) => option.value > type) ?? null;
      select.add(new Option(readable(type), type), after);
    }
  }

  #showBar(items) {
    const { all, selected, more, read, archive, remove, readAll } = this.#view;
    const number = this.#selection.size;
    const hadFocus = [read, archive, remove, readAll, more].find((each) => each.matches(":focus"));
    setText(selected, this.#say(number ? "selected" : "selectAll", number));
    all.checked = number > 0 && number === items.length;
    all.indeterminate = number > 0 && number < items.length;
    all.disabled = !items.length;
    const unread = items.some((item) => this.#selection.has(item.id) && isUnread(item));
    setText(read, this.#say(unread ? "markRead" : "markUnread"));
    setText(archive, this.#say(this.inbox.filter.archived ? "unarchive" : "archive"));
    for (const each of [read, archive, remove]) each.hidden = !number;
    more.hidden = !(all.checked && this.inbox.hasOlder);
    readAll.hidden = number > 0 || Boolean(this.inbox.filter.archived);
    readAll.setAttribute("aria-disabled", !this.inbox.unreadCount);
    if (hadFocus?.hidden) this.#list.focus();
  }

  #showNotes(items) {
    const { note, problem, end } = this.#view;
    const about = { inbox: this.inbox, say: this.#say };
    renderNote(note, { ...about, clear: () => this.#clearFilters() });
    renderProblem(problem, { ...about, failed: this.#failed, dismiss: () => this.#fail(null) });
    const isEnd = items.length > LONG && !this.inbox.hasOlder;
    setText(end, items.length && this.inbox.hasOlder ? this.#say("loading") : isEnd ? this.#say("allLoaded") : "");
  }

  /** What is on the screen has been seen. */
  #tellSeen([newest]) {
    const { unseenCount, filter } = this.inbox;
    if (!unseenCount || filter.archived || document.visibilityState !== "visible") return;
    if (!newest || newest.id === this.#seen) return;
    this.#seen = newest.id;
    clearTimeout(this.#seenTimer);
    this.#seenTimer = setTimeout(() => this.inbox.seenAll(), SEEN_AFTER);
  }

  #tell(text) {
    setText(this.#view.spoken, text);
  }

  async #loadOlder() {
    if (this.#loading || !this.inbox.hasOlder || this.inbox.problem) return;
    this.#loading = true;
    await this.inbox.loadOlder();
    this.#loading = false;
    requestAnimationFrame(() => this.#lookAgain());
  }

  /** The end may still be near: it is told of anew. */
  #lookAgain() {
    const { end } = this.#view;
    this.#end.unobserve(end);
    if (end.isConnected) this.#end.observe(end);
  }

  // Selecting and filtering

  #listen() {
    const { list, all, more, read, archive, remove, readAll, filters, search, help } = this.#view;
    list.addEventListener("click", (event) => this.#clicked(event), { capture: true });
    all.addEventListener("change", () => this.#selectAll(all.checked));
    more.addEventListener("click", () => this.#selectEverything());
    read.addEventListener("click", () => this.#act("read", this.#selection.ids));
    archive.addEventListener("click", () => this.#act("archive", this.#selection.ids));
    remove.addEventListener("click", () => this.#act("remove", this.#selection.ids));
    readAll.addEventListener("click", () => readAll.getAttribute("aria-disabled") === "true" || this.inbox.readAll());
    filters.addEventListener("change", () => this.#filter());
    filters.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#filter();
      this.#list.focus();
    });
    search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#filter(), TYPING);
    });
    search.addEventListener("keydown", (event) => {
      if (!["Escape", "ArrowDown"].includes(event.key) || event.isComposing) return;
      if (event.key === "Escape" && search.value) return; // the browser clears it
      event.preventDefault();
      this.#list.move(0);
    });
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
    if (on) this.#selection.replace(this.inbox.items.map(({ id }) => id)); // those not drawn yet, too
    else this.#selection.clear();
    this.#showSoon();
  }

  async #selectEverything() {
    const { inbox } = this;
    const { filter } = inbox;
    while (inbox.hasOlder && !inbox.problem && inbox.filter === filter) await inbox.loadOlder();
    if (inbox.filter === filter) this.#selectAll(true);
  }

  #filter() {
    clearTimeout(this.#typing);
    const { filters } = this.#view;
    const { view, type, q } = filters.elements;
    const wanted = { unread: view.value === "unread", archived: view.value === "archived", type: type.value, q: q.value.trim() };
    const { unread = false, archived = false, type: kind = "", q: text = "" } = this.inbox.filter;
    if (JSON.stringify(wanted) === JSON.stringify({ unread, archived, type: kind, q: text })) return;
    this.#selection.clear();
    this.inbox.setFilter(wanted);
  }

  #clearFilters() {
    const { filters, search } = this.#view;
    filters.reset();
    this.#filter();
    search.focus();
  }

  // Doing

  /** `url`: null for a notification without a link. */
  #open(item, url, event) {
    if (event.type === "auxclick" && event.button !== 1) return;
    const here = event.type === "click" && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (here && url && event.currentTarget.target !== "_blank") {
      const detail = { notification: item, url: url.href };
      const told = new CustomEvent("open", { detail, bubbles: true, cancelable: true });
      if (!this.#root.dispatchEvent(told)) event.preventDefault();
    }
    if (isUnread(item)) this.#attempt("read", () => this.inbox.read([item.id]));
  }

  #choose(item, { id }) {
    this.#attempt("choose", () => this.inbox.choose(item.id, id));
  }

  /** `action`: "read" is "unread", too, when all are read; and "archive" is "unarchive" in the archive. */
  #act(action, ids) {
    const items = ids.map((id) => this.#list.item(id)).filter((item) => item);
    if (!items.length) return;
    if (action === "read") this.#mark(items);
    else this.#move(action === "archive" && this.inbox.filter.archived ? "unarchive" : action, items.map(({ id }) => id));
  }

  async #mark(items) {
    const { inbox } = this;
    const unread = items.filter(isUnread);
    const [action, back, mine, text] = unread.length
      ? ["read", "unread", unread, "read"]
      : ["unread", "read", items.filter((item) => item.stored !== false), "unreadAgain"];
    const ids = mine.map(({ id }) => id);
    this.#done(text, ids.length, reversible(() => inbox[back](ids)));
    await this.#attempt(action, () => inbox[action](ids));
  }

  #move(action, ids) {
    const text = { remove: "removed", archive: "archivedNow", unarchive: "unarchivedNow" }[action];
    this.#done(text, ids.length, this.inbox.later(action, ids));
  }

  #done(text, number, later) {
    const said = this.#say(text, number);
    this.#undo.offer(said, later);
    this.#tell(`${said}. ${this.#say("undoKey")}`);
    this.#showSoon();
  }

  /** What fails is shown, with a way to try it again. */
  async #attempt(action, run) {
    const failed = ({ detail }) => detail.action === action && this.#fail({ problem: detail.problem, again });
    const again = () => {
      this.#fail(null);
      return this.#attempt(action, run);
    };
    this.inbox.addEventListener("problem", failed);
    await run();
    this.inbox.removeEventListener("problem", failed);
  }

  #fail(failed) {
    this.#failed = failed;
    this.#showSoon();
  }

  // Keys

  #key = (event) => {
    const { target } = event;
    if (target !== document.body && !this.#root.contains(target)) return;
    if (this.#help.sheet.open) return;
    const name = shortcutOf(event);
    if (name && this.#press(name, target) !== false) event.preventDefault();
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
      read: () => this.#act("read", chosen()),
      archive: () => this.#act("archive", chosen()),
      remove: () => this.#act("remove", chosen()),
      undo: () => this.#undo.undo() && this.#tell(this.#say("undone")),
      select: () => {
        if (!list.current) return;
        this.#selection.toggle(list.current);
        this.#showSoon();
      },
      selectAll: () => this.#selectAll(true),
      clear: () => this.#selectAll(false),
      search: () => {
        this.#view.search.focus();
        this.#view.search.select();
      },
      help: () => this.#help.open(),
    };
    return actions[name]();
  }
}
