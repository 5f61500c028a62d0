import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Inbox } from "../../static/eventide-bell.js";
import { pass, settled, start } from "./browser.mjs";

const jwt = (claims) => `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
const item = (id, more) => ({ id, type: "SYSTEM", status: "PENDING", read: false, userId: "7", ...more });

let page;
let server;
let inbox;
let told;

beforeEach(() => {
  page = start();
  server = new Server();
  told = [];
});

/** What the service says: its list, and a socket whose events the test sends. */
class Server {
  list = [];
  unreadCount = 0;
  requests = [];
  sockets = [];
  down = false;

  constructor() {
    globalThis.fetch = async (address, { method, headers }) => {
      const { href, pathname, searchParams } = new URL(address);
      this.requests.push({ method, href, pathname, token: headers.Authorization });
      if (this.down) throw new TypeError("unreachable");
      const [status, body] = this.answer(method, pathname, searchParams);
      return { status, ok: status < 400, json: async () => structuredClone(body) };
    };
  }

  answer(method, path, query) {
    const [, id] = path.split("/v1/notifications")[1].split("/");
    if (id === "unread-count") return [200, { unreadCount: this.unreadCount }];
    if (method === "DELETE" && !this.list.some((each) => each.id === id)) return [404, { code: "not_found" }];
    if (method === "DELETE") this.list = this.list.filter((each) => each.id !== id);
    if (method !== "GET") return [204, null];
    const from = Number(query.get("cursor") ?? 0);
    const end = from + Number(query.get("limit"));
    const nextCursor = end < this.list.length ? String(end) : null;
    return [200, { notifications: this.list.slice(from, end), unreadCount: this.unreadCount, nextCursor }];
  }

  io = (_address, { auth }) => {
    const listeners = new Map();
    const socket = {
      active: true, connected: true, io: {},
      on: (event, listener) => listeners.set(event, listener),
      off: () => listeners.clear(),
      disconnect: () => (socket.connected = false),
      emit: (...event) => socket.sent.push(event.slice(0, 2)),
      tell: (event, payload) => listeners.get(event)?.(payload),
      sent: [],
    };
    this.sockets.push(socket);
    auth((sent) => (socket.auth = sent));
    return socket;
  };

  get socket() {
    return this.sockets.at(-1);
  }

  asked(method) {
    return this.requests.filter((each) => each.method === method);
  }
}

async function open({ token = jwt({ sub: "7" }), ...options } = {}) {
  const getToken = typeof token === "function" ? token : () => token;
  inbox = new Inbox({ url: "https://notify.example/eventide", getToken, io: server.io, sharing: false, ...options });
  inbox.addEventListener("notification", ({ detail }) => told.push([detail.notification.id, detail.replayed]));
  inbox.start();
  await settled();
  return inbox;
}

async function live() {
  server.socket.tell("connect");
  server.socket.tell("connected", { userId: "7", unreadCount: server.unreadCount });
  server.socket.tell("catch_up_complete", { unreadCount: server.unreadCount });
  await settled();
}

const ids = () => inbox.items.map(({ id }) => id);

test("it reads the list when the connection is there, and the connection goes on from the newest", async () => {
  server.list = [item("b"), item("a")];
  server.unreadCount = 2;
  await open();
  assert.deepEqual(server.requests, [], "the connection comes first");
  await live();
  assert.deepEqual([ids(), inbox.unreadCount, inbox.state, inbox.userId], [["b", "a"], 2, "live", "7"]);
  assert.equal(server.requests[0].pathname, "/eventide/v1/notifications");
  inbox.close();
  inbox.start();
  await settled();
  assert.equal(server.socket.auth.since, "b");
});

test("without a connection it reads the list all the same", async () => {
  server.list = [item("a")];
  server.unreadCount = 1;
  await open();
  await pass(1_000);
  assert.deepEqual([ids(), inbox.unreadCount, inbox.state], [["a"], 1, "connecting"]);
});

test("while it is live only events tell the count", async () => {
  await open();
  await live();
  server.unreadCount = 5; // a list that is older or newer than the events
  await inbox.refresh();
  assert.equal(inbox.unreadCount, 0);
  server.socket.tell("notification", item("a", { unreadCount: 1 }));
  server.socket.tell("unread_count", { unreadCount: 6 });
  assert.equal(inbox.unreadCount, 6);
});

test("each notification is told once; a replay of what the list had is no news", async () => {
  server.list = [item("a")];
  await open();
  await live();
  server.socket.tell("notification", item("a", { replayed: true }));
  server.socket.tell("notification", item("b", { replayed: true }));
  server.socket.tell("notification", item("c"));
  server.socket.tell("newNotification", item("c"));
  server.socket.tell("notification", item("b"));
  assert.deepEqual(told, [["b", true], ["c", false]]);
});

test("an announcement that the server does not keep passes, and survives the list", async () => {
  await open();
  await live();
  server.socket.tell("announcement", item("a", { userId: undefined }));
  await settled();
  assert.equal(inbox.items[0].passing, true);
  await inbox.refresh();
  assert.deepEqual(ids(), ["a"]);
  server.list = [item("a")];
  await inbox.refresh();
  assert.equal(inbox.items[0].passing, false);
});

test("a list keeps its length when it is read again, and goes on with older ones", async () => {
  server.list = Array.from({ length: 150 }, (_, index) => item(String(999 - index)));
  await open();
  await live();
  assert.deepEqual([inbox.items.length, inbox.hasOlder], [30, true]);
  await inbox.loadOlder();
  await inbox.refresh();
  assert.deepEqual([inbox.items.length, ids().at(-1)], [60, "940"]);
});

test("a removal can be undone; otherwise it happens in time, or when the page is left", async () => {
  server.list = ["d", "c", "b", "a"].map((id) => item(id));
  await open();
  await live();
  const removals = ["a", "b", "c"].map((id) => inbox.removeSoon([id]));
  assert.deepEqual(ids(), ["d"]);
  removals[0].undo();
  removals[2].hold();
  await pass(8_000);
  assert.deepEqual(server.asked("DELETE").map(({ pathname }) => pathname.at(-1)), ["b"]);
  inbox.close();
  await settled();
  assert.deepEqual(server.list.map(({ id }) => id), ["d", "a"]);
});

test("what is not there any more is gone, and what could not be removed is back", async () => {
  server.list = [item("b"), item("a")];
  await open();
  await live();
  server.list = [item("b")];
  assert.equal(await inbox.remove(["a"]), true);
  assert.deepEqual(ids(), ["b"]);
  server.down = true;
  const problems = [];
  inbox.addEventListener("problem", ({ detail }) => problems.push(detail.problem.code));
  const soon = inbox.removeSoon(["b"]);
  assert.deepEqual(ids(), []);
  soon.now();
  await settled();
  assert.deepEqual([ids(), problems], [["b"], ["unreachable"]]);
});

test("without a connection it asks for the count after what the reader did", async () => {
  server.list = [item("a")];
  server.unreadCount = 1;
  await open();
  await pass(1_000);
  server.unreadCount = 0;
  assert.equal(await inbox.markAllRead(), true);
  assert.deepEqual([inbox.unreadCount, inbox.items[0].read], [0, true]);
});

test("another user's token begins anew, and nothing of the former is left", async () => {
  server.list = [item("a")];
  let sub = "7";
  await open({ token: () => jwt({ sub, jti: Math.random() }) });
  await live();
  const { token } = server.socket.auth;
  await inbox.renew();
  assert.deepEqual(server.sockets.length, 1, "the same user's: the connection is told");
  assert.equal(server.socket.sent[0][0], "refresh_token");
  assert.notEqual(server.socket.sent[0][1].token, token);
  sub = "8";
  server.list = [item("z")];
  await inbox.renew();
  await settled();
  assert.deepEqual([ids(), server.sockets.length, server.sockets[0].connected], [[], 2, false]);
  await live();
  assert.deepEqual(ids(), ["z"]);
});

test("a token that REST refuses is asked for again, once", async () => {
  const tokens = [jwt({ sub: "7", jti: 1 }), jwt({ sub: "7", jti: 2 })];
  server.answer = function (method, path, query) {
    const refused = this.requests.at(-1).token.endsWith(tokens[0]);
    return refused ? [401, { code: "token_expired" }] : Server.prototype.answer.call(this, method, path, query);
  };
  await open({ token: () => (tokens.length > 1 && server.sockets.length ? tokens[1] : tokens[0]) });
  await live();
  assert.deepEqual([inbox.problem, inbox.loaded, server.requests.length], [null, true, 2]);
});

test("hidden, it reads the list again when it is looked at", async () => {
  await open();
  await live();
  const before = server.requests.length;
  page.visibilityState = "hidden";
  server.socket.tell("reload", {});
  await pass(2_000);
  assert.equal(server.requests.length, before);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  await settled();
  assert.equal(server.requests.length, before + 1);
});

const modules = new URL("../../static/eventide-bell.js", import.meta.url).href;
const forms = { modules, "one file": process.env.EVENTIDE_TEST_BUNDLE };
for (const [form, address] of Object.entries(forms)) {
  const skip = !address && "EVENTIDE_TEST_BUNDLE does not say where it is";
  test(`as ${form} it asks the service that it came from`, { skip }, async () => {
    const bell = await import(address);
    const own = new bell.Inbox({ getToken: () => "token", io: server.io, sharing: false });
    own.start();
    await pass(1_000);
    assert.equal(server.requests[0].href, new URL("../v1/notifications?limit=30", address).href);
    assert.deepEqual(Object.keys(bell).sort(), Object.keys(await import(modules)).sort());
    own.close();
  });
}
