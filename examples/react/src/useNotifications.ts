import { useEffect, useRef, useState } from "react";
import { type Socket, io } from "socket.io-client";

import { type ClientEvents, type Notification, type ServerEvents, merge, withRead, without } from "./eventide";

type Connection = Socket<ServerEvents, ClientEvents>;
export type State = "connecting" | "live" | "offline" | "refused";

/** Somebody's notifications, over the stock socket.io-client. Keep `getToken` the same while the user is the same. */
export function useNotifications(service: string, getToken: () => Promise<string>) {
  const [items, setItems] = useState<Notification[]>([]); // newest first
  const [unreadCount, setUnreadCount] = useState<number>(); // always as the server says
  const [state, setState] = useState<State>("connecting");
  const [problem, setProblem] = useState("");
  const connection = useRef<Connection>(null);

  useEffect(() => {
    const socket: Connection = io(`${service}/notifications`, {
      transports: ["websocket"],
      // A function, so that each reconnect has a token that is valid then. No token to be had is like no network.
      auth: (give) => getToken().then((token) => give({ token }), () => socket.io.engine.close()),
      reconnectionAttempts: 5,
    });
    connection.current = socket;

    socket.on("connect", () => {
      setState("live");
      setProblem("");
    });
    socket.on("disconnect", () => setState(socket.active ? "offline" : "refused"));
    socket.on("connect_error", ({ message }) => {
      setState(socket.active ? "offline" : "refused");
      setProblem(socket.active ? "" : message);
    });
    socket.io.on("reconnect_failed", () => setState("refused")); // all five attempts

    let list: Notification[] = [];
    const update = (changed: Notification[]) => setItems((list = changed));
    const show = (item: Notification) => update(merge(list, [item]));
    socket.on("connected", ({ unreadCount }) => {
      setUnreadCount(unreadCount);
      // Make the list what the server has now. What comes by itself meanwhile stays.
      const before = list.map(({ id }) => id);
      socket.emit("get_notifications", { limit: 50 }, (page) => {
        if (page.success === false) return setProblem(page.error.message);
        update(merge(without(list, before), page.notifications));
      });
    });
    socket.on("notification", show);
    socket.on("global_notification", show);
    socket.on("notification_read", (read) => update(withRead(list, read)));
    socket.on("notification_deleted", ({ ids }) => update(without(list, ids)));
    socket.on("unread_count", ({ unreadCount }) => setUnreadCount(unreadCount));

    // A page that was hidden for long asks, rather than trust that it was told everything.
    const ask = () => {
      if (document.hidden || !socket.connected) return;
      socket.emit("get_unread_count", (answer) => "unreadCount" in answer && setUnreadCount(answer.unreadCount));
    };
    document.addEventListener("visibilitychange", ask);
    return () => {
      document.removeEventListener("visibilitychange", ask);
      socket.off().disconnect();
    };
  }, [service, getToken]);

  return {
    items,
    unreadCount,
    state,
    problem,
    markRead(notificationId: string) {
      // That it is read `notification_read` tells: to this page as to all others of the user.
      connection.current?.emit("mark_read", { notificationId }, (answer) => {
        if (answer.success) setUnreadCount(answer.unreadCount);
        else setProblem(answer.error.message);
      });
    },
    /** After a refusal, or after too many attempts, the stock client does not try again by itself. */
    tryAgain() {
      setState("connecting");
      connection.current?.connect();
    },
  };
}
