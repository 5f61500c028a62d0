// What both servers share: how socket.io is set up, who may connect, and the work that the load generator asks for.

import { createSecretKey } from "node:crypto";
import { createServer } from "node:net";

import jwt from "jsonwebtoken";

export const PAYLOAD = JSON.parse(process.env.BENCH_PAYLOAD);

const { BENCH_SECRET, BENCH_KEY_ONCE } = process.env;

/** With a text, as most write it, jsonwebtoken looks each time whether it is a public key, which takes longest of all. */
export const KEY = BENCH_KEY_ONCE ? createSecretKey(Buffer.from(BENCH_SECRET)) : BENCH_SECRET;

export const OPTIONS = {
  transports: ["websocket"],
  serveClient: false,
  perMessageDeflate: false,
};

export const room = (user) => `user:${user}`;

/** Lets in who has a token, into the room of their own. */
export function authenticate(io) {
  io.use((socket, next) => {
    jwt.verify(socket.handshake.auth.token, KEY, { algorithms: ["HS256"] }, (error, claims) => {
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

/** Acts for one user after the other, `count` times; by so many callers at a time. */
export async function inTurn({ count, first, users, callers }, act) {
  const end = first + count;
  let number = first;
  async function call() {
    while (number < end) {
      await act(`u${number++ % users}`);
    }
  }
  await Promise.all(Array.from({ length: callers }, call));
}

/** For how long the event loop is held at most: a timer that is due every millisecond comes later by that. */
const watch = {
  PERIOD: 1,
  start() {
    this.longest = 0;
    this.last = performance.now();
    this.timer = setInterval(() => {
      const now = performance.now();
      this.longest = Math.max(this.longest, now - this.last - this.PERIOD);
      this.last = now;
    }, this.PERIOD);
  },
  end() {
    clearInterval(this.timer);
    return { longest: this.longest };
  },
};

/** Listens for clients and, on another port, for work: a line is one piece of it, and is answered when that is done. */
export function listen(server, ownWork) {
  const work = { ...ownWork, watch: () => watch.start(), watched: () => watch.end() };
  const control = createServer((connection) => {
    let data = "";
    connection.setNoDelay();
    connection.setEncoding("utf8");
    connection.on("data", async (chunk) => {
      data += chunk;
      if (data.endsWith("\n")) {
        const body = JSON.parse(data);
        data = "";
        const answer = (await work[body.work](body)) ?? {};
        connection.write(`${JSON.stringify(answer)}\n`);
      }
    });
  });
  control.listen(0, "127.0.0.1", () => {
    server.listen(0, "127.0.0.1", () => {
      console.log(`http://127.0.0.1:${server.address().port} ${control.address().port}`);
    });
  });
  process.on("SIGTERM", () => process.exit(0));
}
