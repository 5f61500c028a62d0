// "Node": http and socket.io, and nothing is stored. With BENCH_REDIS_URL one of several, by socket.io's Redis adapter.

import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

import { OPTIONS, PAYLOAD, authenticate, listen, room } from "./common.mjs";

const server = createServer((request, response) => {
  response.writeHead(404).end();
});
const io = new Server(server, OPTIONS);
authenticate(io);
if (process.env.BENCH_REDIS_URL) {
  const publisher = new Redis(process.env.BENCH_REDIS_URL);
  const subscriber = publisher.duplicate();
  io.adapter(createAdapter(publisher, subscriber));
}

listen(server, {
  event: ({ event }) => io.emit(event, PAYLOAD),
  events({ count, first, users, event }) {
    for (let number = first; number < first + count; number++) {
      io.to(room(`u${number % users}`)).emit(event, PAYLOAD);
    }
  },
});
