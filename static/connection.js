/** The Socket.IO connection: where its client comes from, and what state it is in. */

const SCRIPT = "/socket.io/socket.io.js";
const RETRY_UNAVAILABLE = 3000;

/**
 * Load Socket.IO's client and return `{io, fromCdn}`; rejects when it cannot be had.
 *
 * The server hands out its own copy, or, where that is missing, redirects to the public CDN. Either must have the hash
 * that the server knows. (The page cannot name it in a plain <script> tag, because it changes with the version.)
 */
export async function loadSocketIo() {
  const [known, head] = await Promise.all([
    fetch("/client/vendor/integrity.json").then((answer) => (answer.ok ? answer.json() : null)),
    fetch(SCRIPT, { method: "HEAD", redirect: "manual" }),
  ]);
  const script = document.createElement("script");
  script.crossOrigin = "anonymous"; // without it a hash cannot be checked across origins
  script.integrity = known?.files["socket.io.js"].integrity ?? "";
  script.src = SCRIPT;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${SCRIPT} could not be loaded`));
    document.head.append(script);
  });
  return { io: window.io, fromCdn: head.type === "opaqueredirect" };
}

/**
 * Connect, and stay connected. `listeners`: functions by the name of the server's event, and `connect`.
 *
 * `onState` is told `{name}`: "connecting", "live" (with `transport`), "reconnecting" (it has just broken),
 * "offline" (with `since`: a try has failed, the next will come), "refused" (with `code`: the server says no),
 * and "closed" (by the server, for good). Returns a function that closes the connection.
 */
export function connect(io, identity, listeners, onState) {
  let since = new Date();
  let retry;
  const socket = io("/notifications", {
    // Asked again for each connection, so that an expired token, or one of before a restart, is not sent again.
    auth: (answer) => identity.renew().then((token) => answer({ token })),
    // WebSocket at once; polling where a proxy (or EVENTIDE_TRANSPORTS) does not let it through.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    forceNew: true,
  });

  const live = () => onState({ name: "live", transport: socket.io.engine.transport.name });
  socket.on("connect", () => {
    socket.io.engine.once("upgrade", live);
    live();
  });
  socket.on("disconnect", () => {
    since = new Date();
    onState({ name: socket.active ? "reconnecting" : "closed" });
  });
  socket.on("connect_error", (error) => {
    // Active: the network failed, and the client tries again by itself. Otherwise the server has answered no.
    if (socket.active) return onState({ name: "offline", since });
    const code = error.data?.code ?? error.message;
    onState({ name: "refused", code });
    if (code === "unavailable") retry = setTimeout(() => socket.connect(), RETRY_UNAVAILABLE);
  });
  for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
  onState({ name: "connecting" });

  return () => {
    clearTimeout(retry);
    socket.off();
    socket.disconnect();
  };
}
