/** The bell's list, in a dialog that opens beside the bell. */

import { button, h, onTop, setText } from "./dom.js";
import { icon } from "./icons.js";
import { PAGE } from "./inbox.js";
import { renderNote } from "./note.js";
import { Notice } from "./notice.js";
import { place } from "./place.js";
import { ListRow } from "./rows.js";
import { filterOf, TabBar, tabOf } from "./tab-bar.js";
import { WindowedList } from "./windowed-list.js";

const NEAR_THE_END = 600; // pixels
const KEYS = { Delete: "remove", "#": "remove", e: "archive", u: "read" };

export class Panel {
  element;
  isOpen = false;
  #bell;
  #reader;
  #settings;
  #inbox = null;
  #list = null; // while it is open
  #frame = 0;
  #loadingOlder = false;
  #parts;
  #tabs;
  #notice;
  #tabIsUndo = false;

  /**
   * `bell`: the button beside which it opens. `reader`: what the reader can do, see `Row`. `settings()`: `{tabs,
   * viewAll, desktop}`. `say(text)`: to screen readers.
   */
  constructor({ bell, reader, settings, speak, onDesktop }) {
    this.#bell = bell;
    this.#reader = reader;
    this.#settings = settings;
    this.#notice = new Notice(reader.say, { undone: () => this.#undone(), ended: (hadFocus) => this.#noticeEnded(hadFocus) });
    this.#tabs = new TabBar(reader.say, (name) => this.#inbox?.setFilter(filterOf(name)));
    this.speak = speak;
    this.#build(onDesktop);
  }

  #build(onDesktop) {
    const { say } = this.#reader;
    const state = h("p", { class: "state", part: "connection" });
    const names = { "aria-label": say("desktop"), title: say("desktop") };
    const desktop = button({ class: "icon", part: "desktop", ...names, onclick: onDesktop, hidden: true }, icon("screen"));
    const markAll = button({ class: "quiet", part: "mark-all", onclick: () => this.#readAll() }, say("markAllRead"));
    const title = h("h2", { id: "title" }, say("title"));
    const header = h("header", { part: "header", role: "none" }, title, state, desktop, markAll);

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

  // Opening and closing

  open(inbox) {
    const { list, scroll } = this.#parts;
    this.isOpen = true;
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
    this.isOpen = false;
    this.element.classList.remove("is-open");
    onTop(this.element, false);
    removeEventListener("resize", this.place);
    removeEventListener("scroll", this.place, { capture: true });
    this.#notice.end();
    this.#list.close(); // nobody sees the rows, and they are made fast
    this.#list = null;
  }

  place = () => {
    place(this.element, this.#bell, getComputedStyle(this.element).direction === "rtl");
  };

  // Rendering

  /** Show this one, or null, with the settings of now. */
  show(inbox) {
    this.#inbox = inbox;
    const { tabs } = this.#settings();
    if (inbox && tabs.length && tabOf(tabs, inbox.filter) === undefined) inbox.setFilter(filterOf(tabs[0]));
    this.render();
  }

  renderSoon() {
    this.#frame ||= requestAnimationFrame(() => this.render());
  }

  render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.isOpen) return;
    const { tabs, viewAll, desktop } = this.#settings();
    const inbox = this.#inbox;
    const items = inbox?.items ?? [];
    const tab = tabOf(tabs, inbox?.filter);
    this.#parts.footer.hidden = !viewAll;
    if (viewAll) this.#parts.viewAll.href = viewAll.href;
    this.#parts.desktop.hidden = !desktop;
    this.#tabs.render(tabs, tab, inbox?.unreadCount, this.#parts.scroll);
    this.#renderList(items, tab);
    this.#parts.markAll.setAttribute("aria-disabled", !inbox?.unreadCount);
    if (inbox?.hasOlder && !inbox.problem) this.#scrolled(); // the rows may not fill the panel
  }

  #renderList(items, tab) {
    const { list, note, more } = this.#parts;
    const older = this.#inbox?.hasOlder;
    const losesFocus = !items.length && list.matches(":focus-within");
    list.hidden = false; // or it could not have the focus
    this.#list.render(items, { complete: !older });
    list.hidden = !items.length;
    if (losesFocus && this.#notice.offersUndo) this.#notice.focus();
    else if (losesFocus) this.element.focus();
    renderNote(note, { inbox: this.#inbox, tab, panel: this.element, say: this.#reader.say });
    const end = items.length > PAGE ? "allLoaded" : null;
    setText(more, older || end ? this.#reader.say(older ? "loading" : end) : "");
  }

  renderState({ state, since }) {
    const { say } = this.#reader;
    const time = since?.toLocaleTimeString(say("locale"), { hour: "numeric", minute: "2-digit" });
    const text = say(state, time);
    const element = this.#parts.state;
    setText(element, text);
    element.title = text;
    element.dataset.state = state;
    element.part = `connection connection-${state}`;
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

  tell(text) {
    this.#notice.tell(text);
    this.speak(text);
  }

  /** Take this one from the list, until it is undone: `action` as `Inbox.later` has it, `text`: what was done. */
  take(item, action, text) {
    this.#notice.end();
    this.#taken = item.id;
    this.#notice.offer(text, this.#inbox.later(action, [item.id]));
    this.#tabIsUndo = true;
    this.speak(text);
    this.render();
  }
  #taken = null;

  /** Whether the key was for the list. */
  key(event) {
    const { key } = event;
    if (!this.isOpen) return false;
    const focused = this.#list.focused;
    if (key === "Tab" && !event.shiftKey && focused && this.#tabIsUndo && this.#notice.offersUndo) {
      this.#tabIsUndo = false; // once: the next one goes on from there
      this.#notice.focus();
      return true;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    if (focused && KEYS[key]) return this.#do(KEYS[key], focused.row.row.item);
    const isForward = getComputedStyle(this.element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (focused && ["ArrowLeft", "ArrowRight"].includes(key)) return focused.row.row.move(key === isForward ? 1 : -1);
    if (event.target.closest("[part~=tabs]")) return false;
    return this.#list.move(key);
  }

  #do(what, item) {
    const opposite = { archive: item.archived && "unarchive", read: item.read && "unread" };
    this.#reader[opposite[what] || what](item);
    return true;
  }

  #readAll() {
    if (this.#parts.markAll.getAttribute("aria-disabled") !== "true") this.#inbox?.readAll();
  }

  /** What was taken is back, and who is at the list goes on there. */
  #undone() {
    if (!this.isOpen) return;
    const hasFocus = this.element.matches(":focus-within");
    this.render();
    if (hasFocus) this.#list.focusAt(this.#inbox.items.findIndex((item) => item.id === this.#taken));
  }

  #noticeEnded(hadFocus) {
    if (!this.isOpen) return;
    this.render();
    if (hadFocus) (this.#list.rows[0] ?? this.element).focus();
  }
}
