/** <eventide-bell>: the bell, its badge, its panel with the list, and toasts. */

import { button, h, onTop, setText } from "./dom.js";
import { entries, entryFor, isSame, leaveEntry } from "./entries.js";
import { HOME, serviceAt } from "./home.js";
import { icon } from "./icons.js";
import { PAGE, UNDO_FOR } from "./inbox.js";
import { Language } from "./languages.js";
import { renderNote } from "./note.js";
import { place } from "./place.js";
import { List, Row } from "./rows.js";
import { sheet } from "./styles.js";
import { safeUrl } from "./text.js";
import { title } from "./title.js";
import { Toasts } from "./toasts.js";

/** @import { EventideBellEventMap, InboxEventMap, InboxOptions, Notification } from "../eventide-bell.js" */
/** @import { Later, NotificationDetail, Strings, TokenSource } from "../eventide-bell.js" */
/** @import { Entry } from "./entries.js" */
/** @import { Io, Reader } from "./types.js" */

// So that a server that renders pages can import this, too.
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

export class EventideBell extends Base {
  static observedAttributes = ["url", "token", "no-sharing", "view-all", "no-title-badge", "lang"];

  /** @type {TokenSource | null} */
  #getToken = null;
  /** @type {Partial<Strings>} */
  #strings = {};
  #language = new Language(this, () => serviceAt(this.getAttribute("url") || HOME), () => this.#rebuild());
  /** @type {NonNullable<InboxOptions["io"]> | null} */
  #io = null;
  /** @type {Reader} */
  #reader = {
    say: (name, ...values) => {
      const string = this.#strings[name] ?? this.#language.strings[name];
      if (typeof string === "string") return string;
      return /** @type {(...values: unknown[]) => string} */ (string)(...values);
    },
    read: (id) => this.inbox?.markRead([id]),
    remove: (id) => this.#remove(id),
    follow: (item, url, event) => this.#follow(item, url, event),
  };
  /** @type {Entry | null} */
  #entry = null;
  #configuring = false;
  #root;
  #parts;
  #list;
  #toasts;
  #shown = PAGE;
  #open = false;
  #frame = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;
  /** @type {Later | null} */
  #soon = null;
  /** @type {{ [Type in keyof InboxEventMap]: (event: InboxEventMap[Type]) => void }} */
  #listeners = {
    change: () => this.#renderSoon(),
    problem: ({ detail }) => this.#open && this.inbox?.loaded && this.#notice(this.#reader.say("reason", detail.problem)),
    unread: ({ detail }) => (this.#renderCount(), this.#emit("unread", detail)),
    state: ({ detail }) => (this.#renderState(), this.#renderSoon(), this.#emit("state", { ...detail })),
    gone: ({ detail }) => detail.ids.forEach((id) => this.#toasts?.dismiss(id)),
    notification: ({ detail }) => this.#arrived(detail),
  };

  constructor() {
    super();
    const root = (this.#root = this.attachShadow({ mode: "open" }));
    root.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)));
    root.addEventListener("focusout", (event) => this.#left(/** @type {FocusEvent} */ (event)));
    [this.#parts, this.#list, this.#toasts] = this.#build();
    this.#show();
    // A framework may have set these before this class was known: then they hide the accessors.
    /** @type {Record<string, unknown>} */
    const own = /** @type {any} */ (this);
    for (const name of ["getToken", "strings", "io"]) {
      if (!Object.hasOwn(own, name)) continue;
      const value = own[name];
      delete own[name];
      own[name] = value;
    }
  }

  get getToken() { return this.#getToken; }
  set getToken(value) {
    this.#getToken = value ?? null;
    this.#configureSoon();
  }

  get strings() { return this.#strings; }
  set strings(value) {
    const text = (/** @type {Partial<Strings>} */ strings) => JSON.stringify(Object.entries(strings).map(([name, each]) => [name, String(each)]));
    const before = this.#strings;
    this.#strings = value ?? {};
    if (text(before) !== text(this.#strings)) this.#rebuild(); // frameworks like to make a new object each time
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
    this.#language.watch();
    this.#configureSoon();
  }

  disconnectedCallback() {
    this.close();
    this.#language.unwatch();
    this.#configureSoon(); // not at once: it may only be moved
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "view-all") this.#renderSoon();
    else if (name === "no-title-badge") this.#renderCount();
    else if (name === "lang") this.#language.choose();
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
      source: this.#getToken ?? this.getAttribute("token") ?? "",
    };
    const entry = this.#entry;
    if (!this.isConnected || !wanted.source) return this.#detach();
    if (entry && isSame(entry, wanted)) return;
    const alone = entry?.bells.size === 1 && entry.url === wanted.url && entry.sharing === wanted.sharing;
    if (entry && alone && !entries.some((other) => other !== entry && other.source === wanted.source)) {
      entry.source = wanted.source;
      entry.inbox.renew(); // it may be somebody else's
      return;
    }
    this.#detach();
    const { inbox } = (this.#entry = entryFor(this, { ...wanted, io: /** @type {Io | null} */ (this.#io) }));
    for (const [type, listener] of this.#heard()) inbox.addEventListener(type, listener);
    inbox.start();
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
    for (const [type, listener] of this.#heard()) entry.inbox.removeEventListener(type, listener);
    leaveEntry(this, entry);
    this.#renderCount();
    this.#renderState();
    this.#emit("state", { state: "closed" });
  }

  #heard() {
    return /** @type {[string, (event: any) => void][]} */ (Object.entries(this.#listeners));
  }

  // Elements

  #rebuild() {
    if (this.#open) this.close();
    this.#toasts.dismissAll();
    [this.#parts, this.#list, this.#toasts] = this.#build();
    this.#show();
  }

  #build() {
    const { say } = this.#reader;
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
    for (const event of ["pointerenter", "focusin"]) notice.addEventListener(event, () => this.#soon?.hold());
    for (const event of ["pointerleave", "focusout"]) notice.addEventListener(event, () => this.#soon?.go());
    const parts = {
      bell, badge, lamp, panel, state, markAll, scroll, note, list, more, notice, footer, viewAll, spoken,
    };
    return /** @type {const} */ ([parts, this.#newList(list), new Toasts(this.#reader)]);
  }

  /** @param {HTMLElement} list */
  #newList(list) {
    return new List(list, (item) => new Row(this.#reader, item, "li"));
  }

  #show() {
    const { bell, panel, spoken } = this.#parts;
    this.#root.adoptedStyleSheets = [sheet()];
    this.#root.replaceChildren(bell, panel, this.#toasts.element, spoken);
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
    this.#toasts.dismissAll(); // they are in the list
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
    this.#list = this.#newList(list);
    list.replaceChildren(); // nobody sees the rows, and they are made fast
  }

  #place = () => {
    place(this.#parts.panel, this.#parts.bell, getComputedStyle(this).direction === "rtl");
  };

  #outside = (/** @type {PointerEvent} */ event) => {
    if (!event.composedPath().includes(this)) this.close();
  };

  /**
   * The keyboard has gone on to what comes after the bell.
   *
   * @param {FocusEvent} event
   */
  #left({ relatedTarget }) {
    if (this.#open && relatedTarget && relatedTarget !== this && !this.#root.contains(/** @type {Node} */ (relatedTarget))) {
      this.close();
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key } = event;
    /** @type {HTMLElement | null} */
    const toast = /** @type {Element} */ (event.target).closest(".toast");
    if (key === "Escape" && this.#open) this.close({ focus: true });
    else if (key === "Escape" && toast) this.#toasts.dismiss(toast.dataset.id ?? "");
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
    const end = items.length > PAGE ? this.#reader.say("allLoaded") : "";
    setText(this.#parts.more, older ? this.#reader.say("loading") : end);
    this.#place();
    if (older && !this.inbox?.problem) this.#scrolled(); // the rows may not fill the panel
  }

  /** @param {readonly Notification[]} items */
  #renderNote(items) {
    const { note, list, panel } = this.#parts;
    if (!items.length && list.matches(":focus-within")) panel.focus(); // before it goes, and the focus with it
    list.hidden = !items.length;
    renderNote(note, { inbox: this.inbox, panel, say: this.#reader.say });
  }

  #renderCount() {
    const { badge, bell, markAll } = this.#parts;
    const count = this.unreadCount;
    setText(badge, Number(count) > 99 ? "99+" : String(count ?? ""));
    badge.hidden = !count;
    bell.setAttribute("aria-label", this.#reader.say("label", count));
    markAll.setAttribute("aria-disabled", String(count === 0));
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
    lamp.setAttribute("part", `lamp lamp-${this.state}`);
    state.setAttribute("part", `connection connection-${this.state}`);
  }

  #scrolled() {
    const { scroll } = this.#parts;
    if (!this.#open || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight > 400) return;
    const { inbox } = this;
    if (!inbox) return;
    if (inbox.items.length > this.#shown) {
      this.#shown += PAGE;
      this.#renderSoon();
    } else if (inbox.hasOlder && !this.#loadingOlder) {
      this.#loadingOlder = true;
      inbox.loadOlder().finally(() => (this.#loadingOlder = false));
    }
  }
  #loadingOlder = false;

  /** Let the clocks go on, while anybody sees them. */
  #tick() {
    this.#clock ||= setInterval(() => {
      if (!this.#open && !this.#toasts.size) {
        clearInterval(this.#clock);
        this.#clock = undefined;
      }
      this.#list.tick();
      this.#toasts.tick();
    }, 1_000);
  }

  // What arrives

  /** @param {NotificationDetail} detail */
  async #arrived({ notification, replayed }) {
    this.#emit("notification", { notification, replayed });
    if (replayed || !this.#entry) return;
    this.#parts.bell.classList.remove("rings");
    requestAnimationFrame(() => this.#parts.bell.classList.add("rings"));
    if (!(await this.#entry.inbox.claim(notification.id)) || !this.#entry) return;
    const text = `${notification.title} ${notification.message}`.trim().slice(0, 200);
    setText(this.#parts.spoken, this.#reader.say("arrived", text));
    if (!this.#open) this.#toast(notification);
  }

  /** @param {Notification} item */
  #toast(item) {
    const most = Number.parseInt(this.getAttribute("toasts") ?? "3", 10) || 0;
    if (most <= 0) return;
    this.#toasts.show(item, most);
    this.#tick();
  }

  // What the reader does

  /** @param {string} id */
  #remove(id) {
    const { inbox } = this;
    const { say } = this.#reader;
    if (!inbox) return;
    this.#settle("now");
    const soon = inbox.removeSoon([id]);
    const undo = () => this.#settle("undo");
    this.#notice(say("removed"), button({ class: "quiet", part: "undo", onclick: undo }, say("undo")));
    this.#soon = soon;
    this.#render();
    soon.done.then(() => this.#soon === soon && this.#settle("now"));
  }

  /**
   * A line at the foot of the panel: what was done and can be undone, or what went wrong.
   *
   * @param {string} text
   * @param {Node[]} more
   */
  #notice(text, ...more) {
    const { notice, spoken } = this.#parts;
    this.#settle("now");
    notice.replaceChildren(h("span", {}, text), ...more);
    notice.hidden = false;
    setText(spoken, text);
    clearTimeout(this.#noticed);
    if (!more.length) this.#noticed = setTimeout(() => this.#settle("now"), UNDO_FOR);
  }
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #noticed;

  /**
   * What was deleted is so "now", or not at all: "undo".
   *
   * @param {"now" | "undo"} action
   */
  #settle(action) {
    const { notice, list, panel } = this.#parts;
    const soon = this.#soon;
    this.#soon = null;
    const hadFocus = notice.matches(":focus-within");
    soon?.[action]();
    notice.hidden = true;
    if (!this.#open) return;
    if (soon) this.#render();
    if (hadFocus) (/** @type {HTMLElement | null} */ (list.querySelector(".main")) ?? panel).focus();
  }

  /**
   * @param {Notification} item
   * @param {URL | null} url null for a notification without a link
   * @param {MouseEvent} [event]
   */
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

  /**
   * @param {keyof EventideBellEventMap} type
   * @param {object} detail
   */
  #emit(type, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get("eventide-bell")) {
  customElements.define("eventide-bell", EventideBell);
}
