/** <eventide-bell>: the bell, its badge, its panel with the list, and toasts. */

import { Arrivals } from "./arrivals.js";
import { Desktop } from "./desktop.js";
import { button, h, setText } from "./dom.js";
import { entries, entryFor, isSame, leaveEntry } from "./entries.js";
import { HOME, serviceAt } from "./home.js";
import { icon } from "./icons.js";
import { directionOf, Language } from "./languages.js";
import { Panel } from "./panel.js";
import { Seeing } from "./seeing.js";
import { chime } from "./sound.js";
import { sheet } from "./styles.js";
import { tabsOf } from "./tab-bar.js";
import { safeUrl } from "./text.js";
import { title } from "./title.js";
import { Toasts, toastsOf } from "./toasts.js";

/** @import { EventideBellEventMap, InboxEventMap, InboxOptions, Notification, NotificationAction } from "../eventide-bell.js" */
/** @import { NotificationDetail, ProblemDetail, Strings, TokenSource, UnreadDetail } from "../eventide-bell.js" */
/** @import { Entry } from "./entries.js" */
/** @import { Io, Reader } from "./types.js" */

const TOGETHER = 50; // milliseconds

// So that a server that renders pages can import this, too.
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

export class EventideBell extends Base {
  static observedAttributes = ["url", "token", "no-sharing", "view-all", "no-title-badge", "badge", "tabs", "desktop", "lang"];

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
    read: (item) => this.#mark("read", item),
    unread: (item) => this.#mark("unread", item),
    archive: (item) => this.#panel.take(item, "archive", this.#reader.say("archived")),
    unarchive: (item) => this.#panel.take(item, "unarchive", this.#reader.say("unarchived")),
    remove: (item) => this.#panel.take(item, "remove", this.#reader.say("removed")),
    follow: (item, url, event) => this.#follow(item, url, event),
    choose: (item, action) => this.#choose(item, action),
    acknowledge: (item) => this.#acknowledge(item),
  };
  /** @type {Entry | null} */
  #entry = null;
  #configuring = false;
  #root;
  #parts;
  #panel;
  #toasts;
  #arrivals = new Arrivals((some) => this.#tell(some));
  /** @type {Set<string>} */
  #reminders = new Set(); // the ids of those that were told before
  #desktop = new Desktop();
  #seeing = new Seeing();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;
  #rung = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #counting;
  /** @type {{ [Type in keyof InboxEventMap]: (event: InboxEventMap[Type]) => void }} */
  #listeners = {
    change: () => this.#panel.renderSoon(),
    problem: ({ detail }) => this.#failed(detail),
    unread: ({ detail }) => this.#counted(detail),
    state: ({ detail }) => (this.#renderState(), this.#panel.renderSoon(), this.#emit("state", { ...detail })),
    notification: ({ detail }) => this.#arrived(detail),
    gone: ({ detail }) => {
      this.#arrivals.gone(detail.ids);
      this.#toasts.gone(detail.ids, detail.replacedBy);
      this.#desktop.close(detail.ids);
    },
  };

  constructor() {
    super();
    const root = (this.#root = this.attachShadow({ mode: "open" }));
    root.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)));
    root.addEventListener("focusout", (event) => this.#left(/** @type {FocusEvent} */ (event)));
    [this.#parts, this.#panel, this.#toasts] = this.#build();
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
  get unseenCount() { return this.inbox?.unseenCount ?? null; }
  get state() { return this.inbox?.state ?? "closed"; }

  connectedCallback() {
    this.#language.watch();
    this.#direct();
    this.#configureSoon();
  }

  disconnectedCallback() {
    this.close();
    this.#language.unwatch();
    this.#configureSoon(); // not at once: it may only be moved
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (["view-all", "tabs", "desktop"].includes(name)) {
      if (this.#panel.isOpen) this.#panel.show(this.inbox);
    } else if (["no-title-badge", "badge"].includes(name)) this.#renderCount();
    else if (name === "lang") {
      this.#language.choose();
      this.#direct();
    } else this.#configureSoon();
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
    if (this.#panel.isOpen) this.#panel.show(inbox);
    this.#renderCount();
    this.#renderState();
  }

  #detach() {
    const entry = this.#entry;
    if (!entry) return;
    this.close();
    this.#toasts.dismissAll();
    this.#arrivals.forget();
    this.#desktop.close();
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
    this.close();
    this.#toasts.dismissAll();
    [this.#parts, this.#panel, this.#toasts] = this.#build();
    this.#show();
  }

  #build() {
    const toggle = () => (this.#panel.isOpen ? this.close() : this.open());
    const badge = h("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });
    const lamp = h("span", { class: "lamp", part: "lamp", "aria-hidden": "true" });
    const opens = { "aria-haspopup": "dialog", "aria-expanded": "false" };
    const bell = button({ class: "bell", part: "bell", ...opens, onclick: toggle }, icon("bell"), badge, lamp);
    const spoken = h("p", { class: "unseen", "aria-live": "polite" });
    const panel = new Panel({
      bell,
      reader: this.#reader,
      settings: () => this.#settings,
      speak: (text) => this.#speak(text),
      onDesktop: () => this.#askForDesktop(),
    });
    const toasts = new Toasts(this.#reader, () => this.open());
    return /** @type {const} */ ([{ bell, badge, lamp, spoken }, panel, toasts]);
  }

  #show() {
    const { bell, spoken } = this.#parts;
    this.#root.adoptedStyleSheets = [sheet()];
    this.#root.replaceChildren(bell, this.#panel.element, this.#toasts.element, spoken);
    this.#direct();
    this.#renderCount();
    this.#renderState();
  }

  #direct() {
    const direction = directionOf(this, this.#reader.say("locale"));
    for (const element of [this.#parts.bell, this.#panel.element, this.#toasts.element]) element.dir = direction;
  }

  get #settings() {
    const address = this.getAttribute("view-all");
    return {
      tabs: tabsOf(this.getAttribute("tabs")),
      viewAll: address === null ? null : safeUrl(address),
      desktop: this.hasAttribute("desktop") && this.#desktop.canAsk,
    };
  }

  // Opening and closing

  open() {
    if (this.#panel.isOpen || !this.isConnected) return;
    this.#panel.open(this.inbox);
    this.#parts.bell.setAttribute("aria-expanded", "true");
    this.#toasts.dismissAll(); // they are in the list
    this.#seeing.begin(this.inbox);
    document.addEventListener("pointerdown", this.#outside);
    this.#tick();
  }

  close({ focus = false } = {}) {
    if (!this.#panel.isOpen) return;
    const { bell } = this.#parts;
    if (focus) bell.focus({ preventScroll: true });
    bell.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", this.#outside);
    this.#seeing.end();
    this.#panel.close();
  }

  #outside = (/** @type {Event} */ event) => {
    if (!event.composedPath().includes(this)) this.close();
  };

  /**
   * The keyboard has gone on to what comes after the bell.
   *
   * @param {FocusEvent} event
   */
  #left({ relatedTarget }) {
    if (!(relatedTarget instanceof Node) || relatedTarget === this || this.#root.contains(relatedTarget)) return;
    this.close();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const toast = /** @type {Element} */ (event.target).closest(".toast");
    if (event.key === "Escape" && this.#panel.isOpen) this.close({ focus: true });
    else if (event.key === "Escape" && toast) this.#toasts.dismiss(toast.getAttribute("data-id") ?? "");
    else if (!this.#panel.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Rendering

  #renderCount() {
    const { badge, bell } = this.#parts;
    const isUnread = this.getAttribute("badge") === "unread";
    const count = isUnread ? this.unreadCount : (this.unseenCount ?? this.unreadCount);
    setText(badge, Number(count) > 99 ? "99+" : String(count ?? ""));
    badge.hidden = !count;
    const label = this.#reader.say("label", this.unreadCount);
    // What can be seen is in the name, too.
    const isIn = !count || label.includes(count.toLocaleString(this.#reader.say("locale")));
    bell.setAttribute("aria-label", isIn ? label : `${label}, ${this.#reader.say("newCount", count)}`);
    this.#panel.renderSoon();
    if (this.hasAttribute("no-title-badge") || !this.#entry) title.leave(this);
    else title.show(this, count);
  }

  #renderState() {
    const { bell, lamp } = this.#parts;
    const text = this.#panel.renderState({ state: this.state, since: this.inbox?.since });
    bell.title = ["live", "connecting"].includes(this.state) ? "" : text;
    lamp.dataset.state = this.state;
    lamp.setAttribute("part", `lamp lamp-${this.state}`);
  }

  /** Let the clocks go on, while anybody sees them. */
  #tick() {
    this.#clock ||= setInterval(() => {
      if (!this.#panel.isOpen && !this.#toasts.size) {
        clearInterval(this.#clock);
        this.#clock = undefined;
      }
      this.#panel.tick();
      this.#toasts.tick();
    }, 1_000);
  }

  // What happens

  /** @param {UnreadDetail} detail */
  #counted(detail) {
    // Of many that come at once the last; not by frames, which a hidden page has none of.
    if (this.#counting === undefined) this.#counting = setTimeout(() => {
      this.#counting = undefined;
      this.#renderCount();
    }, TOGETHER);
    this.#emit("unread", detail);
    this.#seeing.look();
  }

  /**
   * What is wrong with the list is said above it.
   *
   * @param {ProblemDetail} detail
   */
  #failed({ action, problem }) {
    if (action === "acknowledge") this.open(); // its toast is gone, and there it is again
    if (action !== "list" && this.#panel.isOpen) this.#panel.tell(this.#reader.say("reason", problem));
  }

  /** @param {NotificationDetail} detail */
  #arrived({ notification, replayed, reminder }) {
    this.#emit("notification", { notification, replayed, reminder });
    this.#seeing.arrived();
    if (replayed || !this.#entry) return;
    if (reminder) this.#reminders.add(notification.id);
    this.#arrivals.add(notification);
  }

  /** @param {readonly Notification[]} some that have arrived together */
  async #tell(some) {
    const inbox = this.#entry?.inbox;
    if (!inbox) return;
    this.#ring();
    if (document.visibilityState === "hidden") {
      for (const item of this.#arrivals.take(some)) this.#tellDesktop(item);
      return;
    }
    const claims = await Promise.all(some.map(({ id }) => inbox.claim(id)));
    const ours = this.#arrivals.take(some).filter((item) => claims[some.indexOf(item)]);
    if (!ours.length || inbox !== this.inbox) return;
    if (this.hasAttribute("sound")) chime();
    const { id, title, message } = ours[ours.length - 1];
    const text = `${title} ${message}`.trim().slice(0, 200);
    const { say } = this.#reader;
    const isReminder = this.#reminders.delete(id);
    this.#speak(ours.length > 1 ? say("arrivedMany", ours.length) : say(isReminder ? "reminder" : "arrived", text));
    if (this.#panel.isOpen) return;
    this.#toasts.show(ours, toastsOf(this.getAttribute("toasts")));
    this.#tick();
  }

  /**
   * Say it to screen readers, also if it is what was said last.
   *
   * @param {string} text
   */
  #speak(text) {
    const { spoken } = this.#parts;
    spoken.textContent = spoken.textContent === text ? `${text}\u00a0` : text;
  }

  /** Once for all that come together. */
  #ring() {
    const { bell } = this.#parts;
    const before = this.#rung;
    this.#rung = performance.now();
    if (this.#rung - before < 1_000) return;
    bell.classList.remove("rings");
    requestAnimationFrame(() => bell.classList.add("rings"));
  }

  /** @param {Notification} item */
  async #tellDesktop(item) {
    if (!this.hasAttribute("desktop") || !this.#entry) return;
    if (!(await this.#entry.inbox.claim(item.id, { hidden: true })) || !this.#entry) return;
    const url = item.link ? safeUrl(item.link) : null;
    this.#desktop.show(item, this.#reminders.delete(item.id), () => {
      this.#reader.read(item);
      if (url) this.#go(item, url);
      else this.open();
    });
  }

  async #askForDesktop() {
    await this.#desktop.ask();
    this.#panel.render();
  }

  // What the reader does

  /**
   * @param {"read" | "unread"} as
   * @param {Notification} item
   */
  #mark(as, item) {
    this.inbox?.[as]([item.id]);
    this.#panel.render(); // not with the next step of a burst
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
    if (url && here && !this.#emit("open", { notification: item, url: url.href }, true)) event?.preventDefault();
    this.#reader.read(item);
    this.#toasts.dismiss(item.id);
    if (url && here) this.close();
  }

  /**
   * The link is opened when the server knows of the choice, for this page may go.
   *
   * @param {Notification} item
   * @param {NotificationAction} action
   */
  async #choose(item, action) {
    if (!(await this.inbox?.choose(item.id, action.id))) return;
    this.#emit("action", { notification: this.inbox?.items.find(({ id }) => id === item.id) ?? item, action });
    const url = action.link ? safeUrl(action.link) : null;
    if (!url) return;
    this.close();
    this.#go(item, url);
  }

  /** @param {Notification} item */
  async #acknowledge(item) {
    const { inbox } = this;
    if (!inbox) return;
    const done = this.#panel.moving(item, () => inbox.acknowledge(item.id));
    if (await done) this.#speak(this.#reader.say("acknowledged"));
  }

  /**
   * Where a link leads that is not one on the page.
   *
   * @param {Notification} item
   * @param {URL} url
   */
  #go(item, url) {
    if (!this.#emit("open", { notification: item, url: url.href }, true)) return;
    if (url.origin === location.origin) location.assign(url.href);
    else globalThis.open(url.href, "_blank", "noopener");
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
