/** The bell's list, in a dialog that opens beside the bell. */

import { mustAcknowledge } from "./acknowledging.js";
import { button, h, hasFocus, onTop, setText } from "./dom.js";
import { icon } from "./icons.js";
import { PAGE } from "./inbox.js";
import { renderNote } from "./note.js";
import { Notice } from "./notice.js";
import { place } from "./place.js";
import { ListRow } from "./rows.js";
import { filterOf, TabBar, tabOf } from "./tab-bar.js";
import { WindowedList } from "./windowed-list.js";

/** @import { ConnectionState, Inbox, Notification } from "../eventide-bell.js" */
/** @import { LaterAction, Reader } from "./types.js" */

/**
 * @typedef {object} Options
 * @property {HTMLElement} bell beside which it opens
 * @property {Reader} reader
 * @property {() => { tabs: string[], viewAll: URL | null, desktop: boolean }} settings
 * @property {(text: string) => void} speak says it to screen readers
 * @property {() => void} onDesktop the reader wants to be asked for notifications on the desktop
 */

const NEAR_THE_END = 600; // pixels
const PAUSE = 200; // milliseconds: a burst is shown in steps, so that the page stays responsive
/** @type {Map<string, "remove" | "archive" | "read">} */
const KEYS = new Map([["Delete", "remove"], ["#", "remove"], ["e", "archive"], ["u", "read"]]);

export class Panel {
  element;
  #bell;
  #reader;
  #settings;
  #speak;
  /** @type {Inbox | null} */
  #inbox = null;
  /** @type {WindowedList<Notification, ListRow> | null} */
  #list = null; // while it is open
  #frame = 0;
  #rendered = -PAUSE; // when
  #loadingOlder = false;
  #taken = ""; // the id of what can be put back
  #parts;
  #tabs;
  #notice;
  #tabIsUndo = false;

  /** @param {Options} options */
  constructor({ bell, reader, settings, speak, onDesktop }) {
    this.#bell = bell;
    this.#reader = reader;
    this.#settings = settings;
    this.#speak = speak;
    const ended = (/** @type {boolean} */ hadFocus) => this.#noticeEnded(hadFocus);
    this.#notice = new Notice(reader.say, { undone: () => this.#undone(), ended });
    this.#tabs = new TabBar(reader.say, (name) => void this.#inbox?.setFilter(filterOf(name)));
    const { say } = reader;
    const state = h("p", { class: "state", part: "connection" });
    const names = { "aria-label": say("desktop"), title: say("desktop") };
    const desktop = button({ class: "icon", part: "desktop", ...names, onclick: onDesktop, hidden: true }, icon("screen"));
    const readAll = { title: say("markAllRead"), onclick: () => this.#readAll() };
    const markAll = button(
      { class: "quiet", part: "mark-all", ...readAll }, icon("checks"), h("span", {}, say("markAllRead")),
    );
    const heading = h("div", { class: "heading" }, h("h2", { id: "title" }, say("title")), state);
    const header = h("header", { part: "header", role: "none" }, heading, desktop, markAll);

    const note = h("div", { class: "note", part: "note" });
    const list = h("ul", { class: "list", part: "list", role: "list", tabindex: "-1", "aria-label": say("title") });
    const more = h("p", { class: "more", part: "more" });
    const onscroll = () => this.#scrolled();
    const scroll = h("div", { class: "scroll", part: "scroll", id: "scroll", onscroll }, note, list, more);

    const viewAll = h("a", { part: "view-all" }, say("viewAll"));
    const footer = h("footer", { part: "footer", role: "none" }, viewAll);
    const dialog = { role: "dialog", "aria-labelledby": "title", tabindex: "-1", popover: "manual" };
    const parts = [header, this.#tabs.element, scroll, this.#notice.element, footer];
    this.element = h("div", { class: "panel", part: "panel", ...dialog }, ...parts);
    this.#parts = { state, desktop, markAll, scroll, note, list, more, footer, viewAll };
  }

  get isOpen() { return this.#list !== null; }

  // Opening and closing

  /** @param {Inbox | null} inbox */
  open(inbox) {
    const { list, scroll } = this.#parts;
    this.element.classList.add("is-open");
    onTop(this.element, true);
    this.place();
    this.#list = new WindowedList(list, scroll, (item) => new ListRow(this.#reader, item));
    this.show(inbox);
    scroll.scrollTop = 0;
    this.element.focus({ preventScroll: true });
    addEventListener("resize", this.place);
    addEventListener("scroll", this.place, { passive: true, capture: true });
  }

  close() {
    const list = this.#list;
    this.#list = null;
    this.element.classList.remove("is-open");
    onTop(this.element, false);
    removeEventListener("resize", this.place);
    removeEventListener("scroll", this.place, { capture: true });
    this.#notice.end();
    list?.close(); // nobody sees the rows, and they are made fast
  }

  place = () => {
    place(this.element, this.#bell, getComputedStyle(this.element).direction === "rtl");
  };

  // Rendering

  /**
   * Show this one, with the settings of now.
   *
   * @param {Inbox | null} inbox
   */
  show(inbox) {
    const isNew = inbox !== this.#inbox;
    const { tabs } = this.#settings();
    const tab = inbox ? tabOf(tabs, inbox.filter) : undefined;
    this.#inbox = inbox;
    if (inbox && tabs.length && (tab === undefined || (isNew && tab !== tabs[0]))) inbox.setFilter(filterOf(tabs[0]));
    this.render();
  }

  renderSoon() {
    if (this.isOpen) this.#frame ||= requestAnimationFrame(this.#look);
  }

  #look = (/** @type {number} */ now) => {
    if (now - this.#rendered < PAUSE) this.#frame = requestAnimationFrame(this.#look);
    else this.render();
  };

  render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.isOpen) return;
    this.#rendered = performance.now();
    const { tabs, viewAll, desktop } = this.#settings();
    const inbox = this.#inbox;
    const items = inbox?.items ?? [];
    const tab = tabOf(tabs, inbox?.filter);
    this.#parts.footer.hidden = !viewAll;
    if (viewAll) this.#parts.viewAll.href = viewAll.href;
    this.#parts.desktop.hidden = !desktop;
    this.#tabs.render(tabs, tab, inbox?.unreadCount, this.#parts.scroll);
    this.#renderList(items, tab);
    this.#parts.markAll.hidden = Boolean(inbox?.filter.archived); // it is of those that are not
    const owed = items.filter(mustAcknowledge).length; // which it leaves as they are
    this.#parts.markAll.setAttribute("aria-disabled", String((inbox?.unreadCount ?? 0) <= owed));
    if (inbox?.hasOlder && !inbox.problem) this.#scrolled(); // the rows may not fill the panel
  }

  /**
   * @param {readonly Notification[]} items
   * @param {string | undefined} tab
   */
  #renderList(items, tab) {
    const { list, note, more } = this.#parts;
    const older = this.#inbox?.hasOlder;
    const losesFocus = !items.length && hasFocus(list);
    list.hidden = false; // or it could not have the focus
    this.#list?.render(items, { complete: !older });
    list.hidden = !items.length;
    if (losesFocus && this.#notice.offersUndo) this.#notice.focus();
    else if (losesFocus) this.element.focus();
    renderNote(note, { inbox: this.#inbox, tab, panel: this.element, say: this.#reader.say });
    const isLong = items.length > PAGE;
    setText(more, older || isLong ? this.#reader.say(older ? "loading" : "allLoaded") : "");
  }

  /**
   * The text for this state of the connection, which is shown.
   *
   * @param {{ state: ConnectionState, since?: Date | undefined }} status
   */
  renderState({ state, since }) {
    const { say } = this.#reader;
    const time = since?.toLocaleTimeString(say("locale"), { hour: "numeric", minute: "2-digit" });
    const text = say(state, time);
    const element = this.#parts.state;
    setText(element, text);
    element.title = text;
    element.dataset.state = state;
    element.setAttribute("part", `connection connection-${state}`);
    return text;
  }

  tick() {
    for (const row of this.#list?.rows ?? []) row.tick();
  }

  #scrolled() {
    const { scroll } = this.#parts;
    if (!this.isOpen || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight > NEAR_THE_END) return;
    if (!this.#inbox?.hasOlder || this.#loadingOlder) return;
    this.#loadingOlder = true;
    this.#inbox.loadOlder().finally(() => (this.#loadingOlder = false));
  }

  // What the reader does

  /** @param {string} text */
  tell(text) {
    this.#notice.tell(text);
    this.#speak(text);
  }

  /**
   * Take this one from the list, until it is undone.
   *
   * @param {Notification} item
   * @param {LaterAction} action
   * @param {string} text says what was done
   */
  take(item, action, text) {
    if (!this.#inbox) return;
    this.#notice.end();
    this.#taken = item.id;
    this.#notice.offer(text, this.#inbox.later(action, [item.id]));
    this.#tabIsUndo = true;
    this.#speak(text);
    this.render();
  }

  /**
   * Do what moves this one in the list: the focus goes on to what takes its place.
   *
   * @template Result
   * @param {Notification} item
   * @param {() => Result} act
   */
  moving(item, act) {
    const place = hasFocus(this.#parts.list) ? this.#inbox?.items.findIndex(({ id }) => id === item.id) : undefined;
    const result = act();
    this.render();
    const last = (this.#inbox?.items.length ?? 0) - 1;
    if (place !== undefined && place >= 0) this.#list?.focusAt(Math.min(place, last));
    return result;
  }

  /**
   * Whether the key was for the list.
   *
   * @param {KeyboardEvent} event
   */
  key(event) {
    const { key } = event;
    if (!this.#list) return false;
    if (this.#frame) this.render(); // the key is for all that is there
    const focused = this.#list.focused?.row.row;
    if (key === "Tab" && !event.shiftKey && focused && this.#tabIsUndo && this.#notice.offersUndo) {
      this.#tabIsUndo = false; // once: the next one goes on from there
      this.#notice.focus();
      return true;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const does = KEYS.get(key);
    if (focused && does) return this.#do(does, focused.item);
    const isForward = getComputedStyle(this.element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (focused && ["ArrowLeft", "ArrowRight"].includes(key)) return focused.move(key === isForward ? 1 : -1);
    return this.#list.move(key);
  }

  /**
   * @param {"remove" | "archive" | "read"} does
   * @param {Notification} item
   */
  #do(does, item) {
    if (mustAcknowledge(item)) this.tell(this.#reader.say("acknowledgeFirst"));
    else if (does === "read" && item.read) this.#reader.unread(item);
    else if (does === "archive" && item.archived) this.#reader.unarchive(item);
    else this.#reader[does](item);
    return true;
  }

  #readAll() {
    if (this.#parts.markAll.getAttribute("aria-disabled") !== "true") this.#inbox?.readAll();
  }

  /** What was taken is back, and who is at the list goes on there. */
  #undone() {
    if (!this.#list || !this.#inbox) return;
    const hadFocus = hasFocus(this.element);
    this.render();
    if (hadFocus) this.#list.focusAt(this.#inbox.items.findIndex((item) => item.id === this.#taken));
  }

  /** @param {boolean} hadFocus */
  #noticeEnded(hadFocus) {
    if (!this.#list) return;
    this.render();
    if (hadFocus) (this.#list.rows[0] ?? this.element).focus();
  }
}
