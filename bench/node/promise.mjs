// "Node, same promise": saved before anybody is told, and DELIVERED only when a client has acknowledged it.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";
import { Server } from "socket.io";

import { KEY, OPTIONS, PAYLOAD, authenticate, inTurn, listen, room } from "./common.mjs";

const ACK_WITHIN = 10_000;
const RECEIPT_PAUSE = 100;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notifications (
    id uuid PRIMARY KEY, user_id text NOT NULL, content jsonb NOT NULL, status text NOT NULL DEFAULT 'PENDING',
    created_at timestamptz NOT NULL DEFAULT now(), delivered_at timestamptz, read_at timestamptz);
  CREATE INDEX IF NOT EXISTS notifications_unread ON notifications (user_id, created_at) WHERE read_at IS NULL;
  CREATE TABLE IF NOT EXISTS announcements (
    id uuid PRIMARY KEY, content jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS receipts (
    announcement_id uuid, user_id text, delivered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (announcement_id, user_id))`;

// Each with a name, so that PostgreSQL parses it once a connection.
const ANNOUNCE = { name: "announce", text: "INSERT INTO announcements (id, content) VALUES ($1, $2)" };
const SAVE = { name: "save", text: "INSERT INTO notifications (id, user_id, content) VALUES ($1, $2, $3)" };
const SAVE_MANY = {
  name: "save_many",
  text: `INSERT INTO notifications (id, user_id, content)
    SELECT id, user_id, $3 FROM unnest($1::uuid[], $2::text[]) AS recipients (id, user_id)`,
};
const UNREAD = {
  name: "unread",
  text: "SELECT id, content, status FROM notifications WHERE user_id = $1 AND read_at IS NULL ORDER BY created_at",
};
const DELIVERED = {
  name: "delivered",
  text: `UPDATE notifications SET status = 'DELIVERED', delivered_at = now()
    FROM unnest($1::uuid[]) AS received (id) WHERE notifications.id = received.id AND status = 'PENDING'`,
};
const RECEIVED = {
  name: "received",
  text: `INSERT INTO receipts (announcement_id, user_id)
    SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING`,
};

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL });
const query = (statement, values) => pool.query({ ...statement, values });

/** Receipts, collected for a moment and then written together. */
class Receipts {
  written = 0;
  #ids = [];
  #announcements = [];
  #users = [];
  #timer = null;

  notification(id) {
    this.#ids.push(id);
    this.#soon();
  }

  announcement(id, user) {
    this.#announcements.push(id);
    this.#users.push(user);
    this.#soon();
  }

  #soon() {
    this.#timer ??= setTimeout(() => this.#write(), RECEIPT_PAUSE);
  }

  async #write() {
    const ids = this.#ids;
    const pairs = [this.#announcements, this.#users];
    [this.#ids, this.#announcements, this.#users, this.#timer] = [[], [], [], null];
    const done = [];
    if (ids.length) {
      done.push(query(DELIVERED, [ids]));
    }
    if (pairs[0].length) {
      done.push(query(RECEIVED, pairs));
    }
    for (const { rowCount } of await Promise.all(done)) {
      this.written += rowCount;
    }
  }
}

const receipts = new Receipts();

/** Sends to one socket what it has to acknowledge. */
function deliver(socket, event, payload, received) {
  socket.timeout(ACK_WITHIN).emit(event, payload, (error) => {
    if (!error) {
      received();
    }
  });
}

async function announce({ event }) {
  const id = randomUUID();
  await query(ANNOUNCE, [id, PAYLOAD]);
  const payload = { ...PAYLOAD, id };
  for (const socket of io.sockets.sockets.values()) {
    deliver(socket, event, payload, () => receipts.announcement(id, socket.data.userId));
  }
}

function show(user, event, content, id) {
  const payload = { ...content, id };
  for (const name of io.sockets.adapter.rooms.get(room(user)) ?? []) {
    const socket = io.sockets.sockets.get(name);
    if (socket) {
      deliver(socket, event, payload, () => receipts.notification(id));
    }
  }
}

async function send(user, event) {
  const id = randomUUID();
  await query(SAVE, [id, user, PAYLOAD]);
  show(user, event, PAYLOAD, id);
}

/** Lets in whose token says that they may send. */
function requireAdmin(request, response, next) {
  const token = request.headers.authorization?.replace("Bearer ", "");
  jwt.verify(token, KEY, { algorithms: ["HS256"] }, (error, claims) => {
    if (error || claims.role !== "admin") {
      response.status(error ? 401 : 403).json({ error: "not allowed" });
      return;
    }
    next();
  });
}

async function post(request, response) {
  const { userIds, ...said } = request.body;
  const now = new Date().toISOString();
  const content = { ...said, status: "DELIVERED", read: false, createdAt: now, timestamp: now };
  const notifications = userIds.map((userId) => ({ id: randomUUID(), userId, status: "PENDING" }));
  if (notifications.length === 1) {
    await query(SAVE, [notifications[0].id, userIds[0], content]);
  } else {
    await query(SAVE_MANY, [notifications.map(({ id }) => id), userIds, content]);
  }
  for (const { id, userId } of notifications) {
    show(userId, "notification", content, id);
  }
  response.status(201).json({ notifications });
}

const app = express();
app.disable("x-powered-by");
app.set("etag", false);
app.get("/metrics", (request, response) => {
  response.type("text/plain").send(`bench_delivered ${receipts.written}\n`);
});
app.post("/v1/admin/notifications", requireAdmin, express.json({ limit: "4mb" }), post);

const server = createServer(app);
const io = new Server(server, OPTIONS);
authenticate(io);
io.on("connection", async (socket) => {
  const { rows } = await query(UNREAD, [socket.data.userId]);
  socket.emit("connected", { unreadCount: rows.length });
  for (const { id, content, status } of rows) {
    if (status === "PENDING") {
      deliver(socket, "notification", { ...content, id, replayed: true }, () => receipts.notification(id));
    }
  }
});
await pool.query(SCHEMA);
listen(server, {
  everyone: announce,
  sends: (body) => inTurn(body, (user) => send(user, body.event)),
});
