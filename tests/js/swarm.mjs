// Many stock clients in one program, each of a user of its own, for the chaos tests.
//
// Lines on stdin are commands:
//
//   {"do": "start", "clients": [{"url", "token", "transports", "address", "since": bool}]}   connect all
//   {"do": "sync", "id"}                                          answered by {"what": "sync", "id"}
//
// What happens is printed as one JSON line each, {at, client, what, …}: at which millisecond, and to which client.
//
//   connect       n: its how manieth connection, transport    refused    by the server: message, code. It stays away.
//   upgrade       transport                                   trouble    message: it could not connect, and tries again
//   disconnect    reason                                      caught_up  complete, count
//   notification  n: on which connection, id, replayed, shown: false if the client has it already,
//                 taken: at which millisecond it was taken from the connection
//
// Lines are written at once: process.stdout is synchronous for pipes. `taken` is a little earlier than `at`, because
// socket.io-client hands a packet on in a microtask: the answer to a ping that came in the same piece of bytes is
// written before the page is called, although nothing else can happen to the page in between. So what a client
// answered after a notification, it answered after `taken`.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { io } = createRequire(import.meta.url)("socket.io-client");

const RECONNECTION_DELAY = 200; // milliseconds; everything else is as socket.io-client has it by default
const NOTIFICATION = '2/notifications,["notification",';

function print(client, what, rest) {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), client, what, ...rest })}\n`);
}

function start({ url, token, transports, address, since }, client) {
  const has = new Set();
  const taken = new Map();
  let newest;
  let n = 0;
  const socket = io(`${url}/notifications`, {
    transports,
    reconnectionDelay: RECONNECTION_DELAY,
    forceNew: true,
    extraHeaders: { "X-Forwarded-For": address },
    auth: (give) => give(since && newest ? { token, since: newest } : { token }),
  });
  socket.io.on("open", () => {
    socket.io.engine.on("upgrade", (transport) => print(client, "upgrade", { transport: transport.name }));
    socket.io.engine.on("packet", ({ type, data }) => {
      if (type === "message" && data.startsWith(NOTIFICATION)) {
        const [, { id }] = JSON.parse(data.slice(data.indexOf("[")));
        taken.set(id, Date.now());
      }
    });
  });
  socket.on("connect", () => {
    n += 1;
    print(client, "connect", { n, transport: socket.io.engine.transport.name });
  });
  socket.on("disconnect", (reason) => print(client, socket.active ? "disconnect" : "refused", { message: reason }));
  socket.on("connect_error", ({ message, data }) => {
    print(client, socket.active ? "trouble" : "refused", { message, code: data?.code });
  });
  socket.on("catch_up_complete", ({ complete, count }) => print(client, "caught_up", { complete, count }));
  socket.on("notification", ({ id, replayed = false }) => {
    print(client, "notification", { n, id, replayed, shown: !has.has(id), taken: taken.get(id) });
    has.add(id);
    if (!newest || id > newest) newest = id;
  });
}

const commands = {
  start({ clients }) {
    clients.forEach(start);
  },
  sync({ id }) {
    print(null, "sync", { id });
  },
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
});
lines.on("close", () => process.exit());
