// Front end B: a plain page. It sends its token as a header, which a browser can do while it polls.

export const namespace = "/";

export const options = (token) => ({ extraHeaders: token ? { Authorization: `Bearer ${token}` } : {} });

export function listen(socket, show) {
  const row = ({ id, message, status }) => ({ id, message, status });
  socket.on("new_notification", (notification) => show("new_notification", row(notification)));
  socket.on("pending_notifications", (notifications) => show("pending_notifications", notifications.map(row)));
  for (const name of ["global_notification", "announcement"]) {
    socket.on(name, (notification) => show(name, row(notification)));
  }
}
