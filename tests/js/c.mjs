// Front end C: a React hook and a bell, which counts and lists.

export const namespace = "/notifications";

export const options = (token) => ({ transports: ["websocket"], auth: { token }, reconnectionAttempts: 5 });

export function listen(socket, show) {
  socket.on("connected", ({ userId, unreadCount }) => show("connected", { userId, unreadCount }));
  for (const name of ["notification", "global_notification"]) {
    socket.on(name, ({ id, type, title, message, link, read, createdAt }) =>
      show(name, { id, type, title, message, link, read, createdAt }),
    );
  }
}
