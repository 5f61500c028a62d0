/** <eventide-bell>: the bell, its badge, its panel with the list, and toasts. */

import { button, h, onTop, setText } from "./dom.js";
import { entries, entryFor, leaveEntry } from "./entries.js";
import { HOME } from "./home.js";
import { icon } from "./icons.js";
import { PAGE, UNDO_FOR } from "./inbox.js";
import { renderNote } from "./note.js";
import { place } from "./place.js";
import { Row } from "./rows.js";
import { STRINGS } from "./strings.js";
import { sheet } from "./styles.js";
import { safeUrl } from "./text.js";
import { title } from "./title.js";
import { Toasts } from "./toasts.js";
import { WindowedList } from "./windowed-list.js";

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
  #list = null; // while it is open
  #toasts = null;
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
    this.#toasts.dismissAll();
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

    const spoken = h("p", { class: "unseen", "aria-live": "polite" });

    // It stays while the reader is at it.
    const stays = { pointerenter: "hold", focusin: "hold", pointerleave: "go", focusout: "go" };
    for (const [event, action] of Object.entries(stays)) {
      notice.addEventListener(event, () => this.#soon?.[action]());
    }
    this.#parts = {
      bell, badge, lamp, panel, state, markAll, scroll, note, list, more, notice, footer, viewAll, spoken,
    };
    this.#toasts?.dismissAll();
    this.#toasts = new Toasts(this.#reader);
    this.shadowRoot.adoptedStyleSheets = [sheet()];
    this.shadowRoot.replaceChildren(bell, panel, this.#toasts.element, spoken);
    this.#renderCount();
    this.#renderState();
  }

  // Opening and closing

  open() {
    if (this.#open || !this.isConnected) return;
    const { panel, bell, list, scroll } = this.#parts;
    this.#open = true;
    panel.classList.add("is-open");
    onTop(panel, true);
    bell.setAttribute("aria-expanded", "true");
    this.#place();
    this.#list = new WindowedList(list, scroll, (item) => new Row(this.#reader, item, "li"));
    this.#render();
    scroll.scrollTop = 0;
    panel.focus({ preventScroll: true });
    this.#toasts.dismissAll(); // they are in the list
    addEventListener("resize", this.#place);
    addEventListener("scroll", this.#place, { passive: true, capture: true });
    document.addEventListener("pointerdown", this.#outside);
    this.#tick();
  }

  close({ focus = false } = {}) {
    if (!this.#open) return;
    const { panel, bell } = this.#parts;
    this.#open = false;
    if (focus) bell.focus({ preventScroll: true });
    panel.classList.remove("is-open");
    onTop(panel, false);
    bell.setAttribute("aria-expanded", "false");
    removeEventListener("resize", this.#place);
    removeEventListener("scroll", this.#place, { capture: true });
    document.removeEventListener("pointerdown", this.#outside);
    this.#settle("now");
    this.#list.close(); // nobody sees the rows, and they are made fast
    this.#list = null;
  }

  #place = () => {
    place(this.#parts.panel, this.#parts.bell, getComputedStyle(this).direction === "rtl");
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
    else if (key === "Escape" && toast) this.#toasts.dismiss(toast.dataset.id);
    else if (key === "Delete" && this.#list?.focused) this.#remove(this.#list.focused.id);
    else if (!this.#list || event.altKey || event.ctrlKey || event.metaKey || !this.#list.move(key)) return;
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
    const older = this.inbox?.hasOlder;
    this.#renderNote(items);
    this.#list.render(items, { complete: !older });
    const end = items.length > PAGE ? "allLoaded" : null;
    setText(this.#parts.more, older || end ? this.#reader.say(older ? "loading" : end) : "");
    if (older && !this.inbox.problem) this.#scrolled(); // the rows may not fill the panel
  }

  #renderNote(items) {
    const { note, list, panel } = this.#parts;
    if (!items.length && list.matches(":focus-within")) panel.focus(); // before it goes, and the focus with it
    list.hidden = !items.length;
    renderNote(note, { inbox: this.inbox, panel, say: this.#reader.say });
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
    if (!this.inbox?.hasOlder || this.#loadingOlder) return;
    this.#loadingOlder = true;
    this.inbox.loadOlder().finally(() => (this.#loadingOlder = false));
  }
  #loadingOlder = false;

  /** Let the clocks go on, while anybody sees them. */
  #tick() {
    this.#clock ||= setInterval(() => {
      if (!this.#open && !this.#toasts.size) this.#clock = clearInterval(this.#clock);
      for (const row of this.#list?.rows ?? []) row.tick();
      this.#toasts.tick();
    }, 1_000);
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
    this.#toasts.show(item, most);
    this.#tick();
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
    this.#toasts.dismiss(item.id);
    if (url && here) this.close();
  }

  #readAll() {
    if (this.#parts.markAll.getAttribute("aria-disabled") !== "true") this.inbox?.markAllRead();
  }

  #emit(type, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get("eventide-bell")) {
  customElements.define("eventide-bell", EventideBell);
}
