// "Node": http and socket.io, and nothing is stored. With BENCH_REDIS_URL one of several, by socket.io's Redis adapter.

import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

import { OPTIONS, PAYLOAD, authenticate, inTurns, listen, room } from "./common.mjs";

const work = {
  "/bench/broadcast": async ({ event }) => io.emit(event, PAYLOAD),
  "/bench/events": (body) => inTurns(body, (user) => io.to(room(user)).emit(body.event, PAYLOAD)),
};

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  await work[request.url](JSON.parse(Buffer.concat(chunks)));
  response.writeHead(200, { "Content-Length": 0 }).end();
});

const io = new Server(server, OPTIONS);
authenticate(io);
if (process.env.BENCH_REDIS_URL) {
  const publisher = new Redis(process.env.BENCH_REDIS_URL);
  const subscriber = publisher.duplicate();
  io.adapter(createAdapter(publisher, subscriber));
}
listen(server);
