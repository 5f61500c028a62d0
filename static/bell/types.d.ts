/** Types that the bell's modules share, beside the public ones in eventide-bell.d.ts. */

import type { Notification, NotificationAction, StateDetail, Strings } from "../eventide-bell.js";
import type { forms } from "./forms.js";

/** What an event tells; each kind of event has some of these. */
export interface Payload {
  unreadCount?: number;
  unseenCount?: number;
  userId?: string | number;
  ids?: string[];
  all?: boolean;
  upTo?: string | null;
  changes?: Fields;
  reason?: string;
  replacedBy?: string;
}

/** What is different in a notification; null: it has no such member any more. */
export type Fields = { [name in keyof Notification]?: Notification[name] | null };

/** What is done to some notifications, or has been: see changes.js. */
export interface Edit {
  ids: ReadonlySet<string> | null;
  upTo?: string | null;
  fields: Fields | null;
  gone?: string;
  /** The one that is there instead of them. */
  replacedBy?: string | undefined;
  /** They leave the list, but may be there again later. */
  mayReturn?: boolean;
}

/** Those that are done later. */
export type LaterAction = "remove" | "archive" | "unarchive";

/** What tabs tell each other of what will be done later. */
export interface LaterMessage {
  key: string;
  action: LaterAction;
  ids: string[];
  state: "waiting" | "done" | "undone";
}

/** `hello`: a new tab asks what waits. */
export interface TabMessage {
  hello?: boolean;
  later?: LaterMessage;
}
export type TabListener = (message: TabMessage) => void;

export interface Arrival extends Notification {
  unreadCount?: number;
  unseenCount?: number;
  replayed?: boolean;
  /** It was told before, and is to be told again. */
  reminder?: boolean;
}

/** One page of the list. */
export interface ListPage {
  notifications: Notification[];
  unreadCount: number;
  unseenCount: number;
  nextCursor: string | null;
}

export type EventListener = (name: string, payload: Payload) => void;
/** With whether the connection goes from one tab to another just now. */
export type SharedEventListener = (name: string, payload: Payload, handover: boolean) => void;
export type StateListener = (status: StateDetail) => void;

/** As much of socket.io-client as is used. */
export interface Socket {
  readonly active: boolean;
  readonly connected: boolean;
  readonly io: { engine?: { close(): void } };
  connect(): void;
  disconnect(): void;
  emit(event: string, ...values: unknown[]): void;
  on(event: string, listener: (value: any) => void): void;
  off(): void;
}
export type Io = (address: string, options: object) => Socket;

/** One of strings/: a file by itself, which imports nothing. */
export type Language = (tools: { forms: typeof forms, readable: (type: string) => string }) => Strings;

/** A text of the bell, by name; what it speaks of, if it is a function. */
export type Say = (name: keyof Strings, ...values: unknown[]) => string;

/** What the reader of a row can do. */
export interface Reader {
  say: Say;
  read(item: Notification): void;
  unread(item: Notification): void;
  archive(item: Notification): void;
  unarchive(item: Notification): void;
  remove(item: Notification): void;
  /** Resolves when the server has answered. */
  acknowledge(item: Notification): Promise<void>;
  /** Resolves when the server has answered. */
  choose(item: Notification, action: NotificationAction): Promise<void>;
  follow(item: Notification, url: URL | null, event?: MouseEvent): void;
}

declare global {
  var io: (Io & { protocol?: number }) | undefined;
}
