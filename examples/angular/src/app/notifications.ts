import { Injectable, effect, inject, signal } from "@angular/core";
import { Socket, io } from "socket.io-client";

import { SERVICE } from "./config";
import { ClientEvents, Notification, ServerEvents, merge, withRead, without } from "./eventide";
import { Session } from "./session";

type Connection = Socket<ServerEvents, ClientEvents>;
export type State = "connecting" | "live" | "offline" | "refused";

/** The signed-in user's notifications, over the stock socket.io-client. */
@Injectable()
export class Notifications {
  readonly items = signal<Notification[]>([]); // newest first
  readonly unreadCount = signal<number | undefined>(undefined); // always as the server says
  readonly state = signal<State>("connecting");
  readonly greetings = signal<string[]>([]);
  readonly problem = signal("");

  readonly #service = inject(SERVICE);
  readonly #session = inject(Session);
  #socket?: Connection;

  constructor() {
    effect((onCleanup) => {
      const session = this.#session.current();
      if (!session) return;
      const socket = this.#open(session.getToken);
      onCleanup(() => socket.off().disconnect());
    });
  }

  markRead(id: string): void {
    // That it is read, and how many are not, `notification_read` tells: to this page as to all others of the user.
    this.#socket?.emit("mark_read", { notificationId: id }, (answer) => {
      this.problem.set(answer.success ? "" : answer.error.message);
    });
  }

  greet(text: string): void {
    this.#socket?.emit("messageToServer", text);
  }

  /** After a refusal the stock client does not try again by itself. */
  tryAgain(): void {
    this.state.set("connecting");
    this.#socket?.connect();
  }

  #open(getToken: () => Promise<string>): Connection {
    this.items.set([]);
    this.unreadCount.set(undefined);
    this.greetings.set([]);
    this.state.set("connecting");

    const socket: Connection = io(`${this.#service}/notifications`, {
      transports: ["websocket"],
      // A function, so that each reconnect has a token that is valid then. No token to be had is like no network.
      auth: (give) => getToken().then((token) => give({ token }), () => socket.io.engine.close()),
    });
    this.#socket = socket;

    socket.on("connect", () => {
      this.state.set("live");
      this.problem.set("");
    });
    socket.on("disconnect", () => this.state.set(socket.active ? "offline" : "refused"));
    socket.on("connect_error", ({ message }) => {
      this.state.set(socket.active ? "offline" : "refused");
      this.problem.set(socket.active ? "" : message);
    });

    socket.on("newNotification", (notification) => this.#show(notification));
    socket.on("announcement", (announcement) => this.#show(announcement));
    socket.on("notification_read", (read) => this.items.update((items) => withRead(items, read)));
    socket.on("notification_deleted", ({ ids }) => this.items.update((items) => without(items, ids)));
    socket.on("connected", ({ unreadCount }) => {
      this.unreadCount.set(unreadCount);
      this.#renew(socket);
    });
    socket.on("unread_count", ({ unreadCount }) => this.unreadCount.set(unreadCount));
    socket.on("messageToClient", (text) => this.greetings.update((greetings) => [...greetings, text]));
    return socket;
  }

  /** Make the list what the server has now. What comes by itself meanwhile stays. */
  #renew(socket: Connection): void {
    const before = this.items().map(({ id }) => id);
    socket.emit("get_notifications", { limit: 50 }, (page) => {
      if (page.success === false) return this.problem.set(page.error.message);
      this.items.update((items) => merge(without(items, before), page.notifications));
    });
  }

  #show(notification: Notification): void {
    this.items.update((items) => merge(items, [notification]));
  }
}
