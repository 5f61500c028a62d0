// "Node": http and socket.io, and nothing is stored. With BENCH_REDIS_URL one of several, by socket.io's Redis adapter.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

import { OPTIONS, PAYLOAD, authenticate, listen, room } from "./common.mjs";

/** Sends what somebody POSTs, and asks neither who it is nor whether it is well-formed. */
function post(body, response) {
  const { userIds, ...content } = JSON.parse(body);
  const now = new Date().toISOString();
  const payload = { ...content, id: randomUUID(), status: "DELIVERED", read: false, createdAt: now, timestamp: now };
  io.to(userIds.map(room)).emit("notification", payload);
  response.statusCode = 201;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ notifications: userIds.map((userId) => ({ id: payload.id, userId })) }));
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    response.writeHead(404).end();
    return;
  }
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => post(body, response));
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
