/**
 * Types and reference of eventide-bell.js: the element `<eventide-bell>`, and the model that it shows, `Inbox`.
 *
 * ## CSS custom properties
 *
 * Colours: `--eventide-accent`, `--eventide-accent-ink` (text on it), `--eventide-surface`, `--eventide-ink`,
 * `--eventide-soft` (less important text), `--eventide-line`, `--eventide-hover`, `--eventide-unread` (ground of an
 * unread row), `--eventide-badge`, `--eventide-badge-ink`, `--eventide-focus`, `--eventide-good`, `--eventide-warn`,
 * `--eventide-bad`, `--eventide-bell` (the bell itself; default: the text colour around it).
 * Measures: `--eventide-size` (2.5rem), `--eventide-panel-width` (25rem), `--eventide-panel-height` (36rem, at most),
 * `--eventide-radius` (14px). Others: `--eventide-font`, `--eventide-shadow`.
 *
 * The defaults follow the page's `color-scheme`; `light-dark(…, …)` in one of these does so, too.
 *
 * ## Parts
 *
 * `bell`, `badge`, `lamp` (and `lamp-live`, `lamp-offline` … by state), `panel`, `header`, `connection` (and
 * `connection-live` …), `desktop`, `mark-all`, `tabs`, `tab` (and `tab-selected`), `scroll`, `list`, `day`, `note` (in
 * place of a list, or above it), `retry`, `more`, `notice`, `undo`, `footer`, `view-all`, `toasts`, `toast`,
 * `toasts-more`; of each notification `item` (and `item-unread`), `glyph`, `avatar`, `link`, `title`, `message`, `meta`,
 * `dot`, `choices`, `choice` (and `choice-primary`, `choice-secondary`, `choice-chosen`), `actions`, `action`, `earlier`;
 * of one that must be acknowledged `item-required`, and its button `acknowledge`, which is also a `choice`.
 */

/** A notification as the server sends it. Optional members are absent when there is nothing to say. */
export interface Notification {
  /** UUIDv7: as text in the order of creation. */
  readonly id: string;
  readonly kind: "notification" | "announcement";
  /** Absent from an announcement that came live. */
  readonly userId?: string;
  readonly type: string;
  readonly title: string;
  readonly message: string;
  readonly link?: string;
  readonly avatar?: string;
  readonly data?: Record<string, unknown>;
  /** Buttons, two at most. */
  readonly actions?: readonly NotificationAction[];
  /** Which of them was chosen. */
  readonly action?: { readonly id: string; readonly at: string };
  readonly status: "PENDING" | "DELIVERED" | "READ";
  readonly read: boolean;
  /** It was in a list that the user has opened. What is read is seen. */
  readonly seen: boolean;
  readonly archived: boolean;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly timestamp: string;
  readonly deliveredAt?: string;
  readonly readAt?: string;
  readonly seenAt?: string;
  readonly archivedAt?: string;
  /** Until then it is there. */
  readonly expiresAt?: string;
  /** How many unread ones, of the same collapse key, it has replaced. */
  readonly collapsed?: number;
  /** Whose subscribers an announcement is for. */
  readonly topic?: string;
  /** An announcement that stays on top, unread, until the user acknowledges it. */
  readonly requireAck?: true;
  /** When the user did. */
  readonly acknowledgedAt?: string;
  /** `false`: an announcement for who was connected only. It has no state on the server, and is in no count. */
  readonly stored?: false;
}

export interface NotificationAction {
  readonly id: string;
  readonly label: string;
  readonly style: "primary" | "secondary";
  readonly link?: string;
}

/**
 * - `connecting`: the first time
 * - `live`
 * - `reconnecting`: the connection has just broken
 * - `offline`: a try has failed, the next will come; `since` is known
 * - `refused`: the server says no; `code` is why. A new token, or "Try again", connects again
 * - `closed`: not started, or ended by the server for good
 */
export type ConnectionState = "connecting" | "live" | "reconnecting" | "offline" | "refused" | "closed";

export type RefusalCode = "token_missing" | "token_expired" | "token_revoked" | "token_invalid" | "unavailable";

export interface StateDetail {
  state: ConnectionState;
  since?: Date;
  code?: RefusalCode | string;
}

export interface NotificationDetail {
  notification: Notification;
  /** It was missed, and is not news. (What comes while another tab takes the connection over is news.) */
  replayed: boolean;
  /** It was told before, and is not acknowledged yet. */
  reminder: boolean;
}

/** The counts, of what is not archived; null: unknown. */
export interface UnreadDetail {
  unreadCount: number | null;
  unseenCount: number | null;
}

/** These need no attention any more: a toast of one of them should go. */
export interface GoneDetail {
  ids: readonly string[];
  /**
   * What happened to them, here, in another tab or on another device. `read`: or acknowledged. `deleted`: or retracted.
   * `collapsed`: another is there in their place. `unsubscribed`: from their topic.
   */
  reason: "read" | "archived" | "deleted" | "expired" | "collapsed" | "unsubscribed" | (string & {});
  /** The id of that other one. */
  replacedBy?: string;
}

/** `preventDefault` keeps the link from being followed, so that a single page application can route by itself. */
export interface OpenDetail {
  notification: Notification;
  /** Absolute. */
  url: string;
}

/** The user has pressed one of a notification's buttons, and the server knows. */
export interface ActionDetail {
  notification: Notification;
  action: NotificationAction;
}

export interface ProblemDetail {
  problem: Problem;
  /** What failed: `list`: loading it, which is tried again; else what the user did, which is undone. */
  action: "list" | Change | "choose" | "acknowledge";
}

export type Change = "seen" | "read" | "unread" | "archive" | "unarchive" | "remove";

/** What the server answered instead of what was asked for: its `application/problem+json`. */
export class Problem extends Error {
  constructor(
    status: number,
    problem?: { code?: string; detail?: string; errors?: { field: string; message: string }[] },
  );
  /** HTTP's; 0: the server cannot be reached. */
  readonly status: number;
  readonly code: string;
  readonly errors: readonly { field: string; message: string }[];
}

export type TokenSource = () => string | null | undefined | Promise<string | null | undefined>;

export interface InboxOptions {
  /** The service's address. Default: where this module came from. */
  url?: string;
  /** Asked on each connect and reconnect, when the token will soon expire, and when REST refuses the last one. */
  getToken: TokenSource;
  /** socket.io-client's `io` (4.x). Default: `window.io`, else the service's own script is loaded. */
  io?: ((...args: never[]) => unknown) | null;
  /** One connection for all tabs of this user (default), or one of this tab's own. */
  sharing?: boolean;
}

/** Which are listed; without any of these all that are not archived. */
export interface Filter {
  unread?: boolean;
  /** Only what is archived, instead of only what is not. */
  archived?: boolean;
  /** Empty: any. */
  type?: string;
  /** Text in title or message, of at most 100 characters. Empty: any. */
  q?: string;
}

/**
 * What will be done in a while, unless it is undone. The notifications have left the list already, in all tabs.
 *
 * When the page is left, it is done at once: all that waits leaves in one request for each action, up to 1,000 of it for
 * sure (browsers send 64 KiB for a page that is gone).
 */
export interface Later {
  /** Show them again, and do nothing. */
  undo(): void;
  /** Do it now. */
  now(): void;
  /** Stop the clock, while the user is thinking. */
  hold(): void;
  /** Start it anew. */
  go(): void;
  /** Resolves as soon as it is decided: to whether it will be done. */
  readonly done: Promise<boolean>;
}

export interface InboxEventMap {
  /** `items`, `hasOlder`, `loaded` or `problem` may be others. Often: collect them until the next frame. */
  change: CustomEvent<null>;
  /**
   * The connection has brought one, live or as a replay; each comes once, and again with each reminder. What only a list
   * has is not told.
   */
  notification: CustomEvent<NotificationDetail>;
  gone: CustomEvent<GoneDetail>;
  unread: CustomEvent<UnreadDetail>;
  state: CustomEvent<StateDetail>;
  /** The list could not be loaded, or what the user did could not be done. */
  problem: CustomEvent<ProblemDetail>;
}

/**
 * The notifications of one user, without a view: newest first, each once, counted by the server. Before all others are
 * announcements that the user must acknowledge: until then they cannot be read, archived or deleted, and methods that do
 * so pass over them.
 *
 * The tabs of a browser share one connection, if they belong to the same user of the same service: one has it, and
 * tells the others what comes; when it goes, the next takes over, and nothing is lost. That needs Web Locks, which
 * browsers have on https and localhost only; elsewhere each tab has its own.
 *
 * When the server says that changes may not have come (`reload`), each visible tab reads its list again within two
 * seconds, and one that is hidden when it is looked at.
 *
 * Methods that change something do so at once, here; they resolve when the server has done it. `false`: it has not,
 * everything is as before, and an event `problem` says why. Each is one request for up to 1,000 notifications, and what
 * is called while another is on its way goes out after it, in order. Counts are the
 * server's, without what waits to be deleted or archived, of which the server does not know yet.
 */
export class Inbox extends EventTarget {
  constructor(options: InboxOptions);
  /** Newest first, but those on top that must be acknowledged. A new array after each change. */
  readonly items: readonly Notification[];
  readonly unreadCount: number | null;
  readonly unseenCount: number | null;
  readonly state: ConnectionState;
  readonly since: Date | undefined;
  readonly code: string | undefined;
  /** As it is in the token; known when the connection is. */
  readonly userId: string | number | undefined;
  /** Whether a list has been loaded. */
  readonly loaded: boolean;
  readonly hasOlder: boolean;
  /** Why the list could not be loaded the last time. It stays until the list is loaded, whatever arrives. */
  readonly problem: Problem | null;
  readonly filter: Filter;

  start(): void;
  close(): void;
  /** Try again, now: the connection, if it was refused or is offline, else the list. */
  retry(): Promise<void>;
  /** There is a new token: it is asked for, and the connection is told, or made again if it was refused. */
  renew(): Promise<void>;
  /** Make the list what the server says; it keeps its length. */
  refresh(): Promise<void>;
  /** The next page of the list; the first one, if no list has been loaded yet. */
  loadOlder(): Promise<void>;
  /** Show only these. What stops being unread stays until the next `refresh`; what is archived leaves at once. */
  setFilter(filter: Filter): Promise<void>;

  seen(ids: readonly string[]): Promise<boolean>;
  read(ids: readonly string[]): Promise<boolean>;
  unread(ids: readonly string[]): Promise<boolean>;
  archive(ids: readonly string[]): Promise<boolean>;
  unarchive(ids: readonly string[]): Promise<boolean>;
  /** Delete them. */
  remove(ids: readonly string[]): Promise<boolean>;
  /** All that are not archived, up to the newest one that is known here. */
  seenAll(): Promise<boolean>;
  /** Likewise. */
  readAll(): Promise<boolean>;
  /** Press one of the notification's buttons, which marks it as read. One can be chosen, once. */
  choose(id: string, actionId: string): Promise<boolean>;
  /** Acknowledge an announcement, which marks it as read. */
  acknowledge(id: string): Promise<boolean>;
  /** Take them from the list at once, and do this after `wait` milliseconds (default 8,000). */
  later(action: "remove" | "archive" | "unarchive", ids: readonly string[], wait?: number): Later;
  /**
   * Whether this is the one place to tell the reader of something: of all visible tabs one, and in it once. `hidden`: of
   * those that are not visible one, if none is.
   */
  claim(id: string, options?: { hidden?: boolean }): Promise<boolean>;

  addEventListener<K extends keyof InboxEventMap>(
    type: K, listener: (event: InboxEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof InboxEventMap>(
    type: K, listener: (event: InboxEventMap[K]) => void, options?: boolean | EventListenerOptions): void;
  removeEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void;
}

/**
 * The bell's texts; those that are functions get what they speak of. `locale` is for times and numbers: "de", "ar-EG".
 */
export interface Strings {
  locale: string;
  title: string;
  /** The button's name, for screen readers. */
  label: (unreadCount: number | null) => string;
  /** What is added to it, if the badge has another number. */
  newCount: (unseenCount: number) => string;
  unread: string;
  markAllRead: string;
  /** What the tabs are about, for screen readers. */
  tabs: string;
  /** `all`, `unread`, `archived`, or a type. */
  tab: (name: string) => string;
  markRead: string;
  markUnread: string;
  archive: string;
  unarchive: string;
  remove: string;
  /** The name of a row's button: what it does, to which notification. */
  rowAction: (action: string, name: string) => string;
  removed: string;
  archived: string;
  unarchived: string;
  undo: string;
  typeName: (type: string) => string;
  announcement: string;
  /** How many were replaced by this one. */
  earlier: (count: number) => string;
  /** The heading of those that must be acknowledged. */
  required: string;
  acknowledge: string;
  acknowledged: string;
  /** Why one cannot be read, archived or deleted. */
  acknowledgeFirst: string;
  viewAll: string;
  loading: string;
  allLoaded: string;
  empty: string;
  emptyHint: string;
  /** Of a tab, by its name. */
  emptyTab: (name: string) => string;
  problem: string;
  /** Why something could not be done. */
  reason: (problem: Problem) => string;
  retry: string;
  dismiss: string;
  toasts: string;
  moreToasts: (count: number) => string;
  desktop: string;
  arrived: (name: string) => string;
  /** Of an announcement that is told again. */
  reminder: (name: string) => string;
  arrivedMany: (count: number) => string;
  connecting: string;
  live: string;
  reconnecting: string;
  offline: (since: string) => string;
  refused: string;
  refusedHint: (code: string) => string;
  closed: string;
}

export interface EventideBellEventMap {
  notification: CustomEvent<NotificationDetail>;
  unread: CustomEvent<UnreadDetail>;
  state: CustomEvent<StateDetail>;
  open: CustomEvent<OpenDetail>;
  action: CustomEvent<ActionDetail>;
}

/**
 * `<eventide-bell>`.
 *
 * Attributes:
 * - `url`: the service's address; default: where the module came from
 * - `token`: the user's token. A new one for the same user is taken over without a break; somebody else's begins anew
 * - `view-all`: the address of the link "View all"; without it there is none
 * - `badge`: `unread`: the badge is the number of what is unread; default: of what is unseen, so that it goes when the
 *   list is opened
 * - `tabs`: of the list, by comma: `all`, `unread`, `archived`, or a type of notifications; default:
 *   `all,unread,archived`. The first is shown at first. Empty: none, and the page may call `inbox.setFilter`
 * - `toasts`: where, and how many at once: `top-start`, `top-center`, `top-end`, `bottom-start`, `bottom-center` or
 *   `bottom-end` (default), and a number (default 3): `top-end 2`. `none`: none
 * - `sound`: a short sound for what arrives, once the user has done something on the page
 * - `desktop`: what arrives while no tab can be seen is shown by the operating system; a button in the list asks the user
 * - `no-title-badge`: leave the page's title alone
 * - `no-sharing`: a connection of this tab's own
 * - `theme`: `light` or `dark`; default: the page's `color-scheme`
 * - `lang`: the language of its texts; default: that of the elements around it, or the page's. See `languages`
 *
 * Its events bubble and are composed. Bells of one page that have the same `getToken`, or the same `token`, share one
 * Inbox.
 */
export class EventideBell extends HTMLElement {
  /**
   * Wins over the attribute `token`. Another function is asked at once, for it may be for another user: a page that
   * renders often should keep it the same.
   */
  getToken: TokenSource | null;
  /** Replaces texts, whatever the language; those that are not given stay. */
  strings: Partial<Strings>;
  /** socket.io-client's `io`, to be set before the element is connected. */
  io: ((...args: never[]) => unknown) | null;
  readonly inbox: Inbox | null;
  readonly unreadCount: number | null;
  readonly unseenCount: number | null;
  readonly state: ConnectionState;
  /** Show the list, which marks what is new as seen. */
  open(): void;
  /** `focus`: give the keyboard back to the bell. */
  close(options?: { focus?: boolean }): void;

  addEventListener<K extends keyof EventideBellEventMap>(
    type: K, listener: (event: EventideBellEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** One row of a `WindowedList`. */
export interface WindowedRow<Item> {
  /** Of role "listitem". It is told its `aria-posinset` and `aria-setsize`, and the list uses its margin. */
  readonly element: HTMLElement;
  /** Show this. Called at once, and whenever the list is rendered: it should do nothing if nothing has changed. */
  update(item: Item, index: number, items: readonly Item[]): void;
  /** Called once it has stayed in the page for a moment: for what a row that is only scrolled past need not have. */
  settle?(): void;
  focus(): void;
}

/**
 * A list of which only the rows that can be seen, and some above and below, are in the page. Rows may be of different
 * heights. What the reader looks at stays where it is when rows above it come, go or change. The row with the focus
 * stays in the page, however far it is scrolled away; if its item goes, the next one gets the focus.
 *
 * ```js
 * const list = new WindowedList(document.querySelector("ol"), document.scrollingElement, makeRow);
 * inbox.addEventListener("change", () => list.render(inbox.items, { complete: !inbox.hasOlder }));
 * ```
 */
export class WindowedList<Item extends { readonly id: string }, Row extends WindowedRow<Item> = WindowedRow<Item>> {
  /**
   * `list`: of role "list", with tabindex="-1"; its padding is the list's own. `scroller`: what scrolls it;
   * `document.scrollingElement`: the page does.
   */
  constructor(list: HTMLElement, scroller: Element, make: (item: Item) => Row);
  /** Show these, in this order. `complete` (default: true): there are no more than these. */
  render(items: readonly Item[], options?: { complete?: boolean }): void;
  /** Those that are in the page now, from top to bottom. */
  readonly rows: readonly Row[];
  rowOf(id: string): Row | undefined;
  readonly focused: { readonly id: string; readonly index: number; readonly row: Row } | undefined;
  /** Scroll to this item's row and give it the focus; whether there is such an item. */
  focusAt(index: number): boolean;
  /** "ArrowDown", "ArrowUp", "Home", "End": whether the focus went. */
  move(key: string): boolean;
  /** Remove the rows, and listen no more. */
  close(): void;
}

/**
 * The bell's languages, by their tags: texts, or what promises them, and is called when they are needed. Those that are
 * not given are in English, which is built in; Arabic, French, German, Japanese and Spanish are files of the service. A
 * page may replace any, and add its own, before there is a bell: `languages.it = { title: "Notifiche", … }`.
 *
 * "de-AT" is the language `de-AT`, if there is one, else `de`, with the times and numbers of `de-AT`.
 */
export const languages: Record<string, Partial<Strings> | ((service: string) => Promise<Partial<Strings>>)>;
/** Whether the user must still acknowledge it. */
export function mustAcknowledge(notification: Notification): boolean;
/** Where a link leads: a URL when it is relative, http or https, otherwise null. */
export function safeUrl(link: string): URL | null;
/** "now", "42s ago", "yesterday": as `Intl.RelativeTimeFormat` has it in this locale. Empty if it is no time. */
export function ago(time: string | number | Date, now?: number | Date, locale?: string): string;
/** "NEW_COMMENT" is shown as "New comment". */
export function readable(type: string): string;
/** The avatar of a notification, or the icon of its type. Its looks are the page's own: `.glyph`, `[data-shade]`. */
export function glyph(notification: Notification): HTMLElement;

declare global {
  interface HTMLElementTagNameMap {
    "eventide-bell": EventideBell;
  }
}
