// Front end A: an Angular application. Its service subscribes to what it shows and may greet the server.

export const namespace = "/notifications";

export const options = (token) => ({ transports: ["websocket"], auth: { token } });

export function listen(socket, show) {
  for (const name of ["newNotification", "announcement"]) {
    socket.on(name, ({ message, timestamp }) => show(name, { message, timestamp }));
  }
  socket.on("messageToClient", (text) => show("messageToClient", text));
}
