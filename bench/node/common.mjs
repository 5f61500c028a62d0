// What both servers share: how socket.io is set up, who may connect, and the work that the load generator asks for.

import jwt from "jsonwebtoken";

export const PAYLOAD = JSON.parse(process.env.BENCH_PAYLOAD);

export const OPTIONS = {
  transports: ["websocket"],
  serveClient: false,
  perMessageDeflate: false,
};

export const room = (user) => `user:${user}`;

/** Lets in who has a token, into the room of their own. */
export function authenticate(io) {
  io.use((socket, next) => {
    jwt.verify(socket.handshake.auth.token, process.env.BENCH_SECRET, { algorithms: ["HS256"] }, (error, claims) => {
      if (error) {
        next(new Error("Authentication failed"));
        return;
      }
      socket.data.userId = claims.sub;
      socket.join(room(claims.sub));
      next();
    });
  });
  // As socket.io's documentation advises, to save memory.
  io.engine.on("connection", (connection) => {
    connection.request = null;
  });
}

/** Acts `count` times, for one user after the other, with so many in flight; the event loop turns in between. */
export async function inTurns({ count, first, users, in_flight: inFlight }, act) {
  const end = first + count;
  let number = first;
  async function work() {
    while (number < end) {
      await act(`u${number++ % users}`);
      await new Promise(setImmediate);
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work));
}

/** Listens on a port that the system gives; the first line of standard output is the address. */
export function listen(server) {
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
  process.on("SIGTERM", () => process.exit(0));
}
