/** What goes over the socket, as far as this application uses it, and one list made of it. */

/** A notification, or an announcement: they are alike. */
export interface Notification {
  id: string; // a later one has a greater id, and a copy has the same
  userId?: string; // an announcement that has just come has none
  type: string;
  title: string; // may be empty
  message: string;
  link?: string;
  read: boolean;
  createdAt: string;
  timestamp: string; // the same time once more
  replayed?: boolean; // sent again, because this user was away, or because its arrival was not confirmed
}

export interface UnreadCount {
  unreadCount: number;
}

/** What was marked as read: these ids, or everything up to one. */
export type Read = UnreadCount & ({ ids: string[]; all?: undefined } | { all: true; upTo: string | null });

export type Failure = { success: false; error: { code: string; message: string } };
export type Answer<Success> = ({ success: true } & Success) | Failure;

export interface ServerEvents {
  connected(welcome: UnreadCount & { userId: string | number }): void;
  notification(notification: Notification): void;
  newNotification(notification: Notification): void; // the same one, under its other name
  global_notification(announcement: Notification): void;
  announcement(announcement: Notification): void; // likewise
  notification_read(read: Read): void;
  notification_deleted(deleted: { ids: string[] }): void;
  unread_count(count: UnreadCount): void;
  catch_up_complete(caughtUp: UnreadCount & { complete: boolean; count: number }): void;
  messageToClient(text: string): void;
}

export interface ClientEvents {
  mark_read(which: { notificationId: string }, answer: (answer: Answer<UnreadCount>) => void): void;
  mark_all_read(which: { upTo?: string }, answer: (answer: Answer<UnreadCount>) => void): void;
  get_unread_count(answer: (answer: UnreadCount | Failure) => void): void;
  get_notifications(
    query: { limit: number },
    answer: (answer: (UnreadCount & { notifications: Notification[]; success?: undefined }) | Failure) => void,
  ): void;
  messageToServer(text: string): void;
}

/** The list with more in it: newest first, each id once, and what has been read stays so. */
export function merge(list: Notification[], more: Notification[]): Notification[] {
  const byId = new Map(list.map((item) => [item.id, item]));
  for (const item of more) byId.set(item.id, { ...item, read: item.read || byId.get(item.id)?.read === true });
  return [...byId.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
}

/** The list after `notification_read`. */
export function withRead(list: Notification[], read: Read): Notification[] {
  const isMeant = ({ id }: Notification) => (read.all ? read.upTo !== null && id <= read.upTo : read.ids.includes(id));
  return list.map((item) => (isMeant(item) ? { ...item, read: true } : item));
}

/** The list after `notification_deleted`. */
export function without(list: Notification[], ids: string[]): Notification[] {
  return list.filter(({ id }) => !ids.includes(id));
}
