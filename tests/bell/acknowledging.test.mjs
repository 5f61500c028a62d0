import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Inbox, mustAcknowledge } from "../../static/eventide-bell.js";
import { pass, settled, start } from "./browser.mjs";
import { item, jwt, Server } from "./server.mjs";

const COUNTS = { unreadCount: 1, unseenCount: 1 };

/** An announcement that must be acknowledged. */
const required = (id, more) => item(id, { kind: "announcement", userId: undefined, requireAck: true, ...more });

let server;
let inbox;
let heard;

beforeEach(async () => {
  start();
  server = new Server();
});

async function open(...list) {
  server.list = list;
  server.unreadCount = list.length;
  inbox = new Inbox({ url: "https://notify.example", getToken: () => jwt({ sub: "7" }), io: server.io, sharing: false });
  heard = [];
  inbox.addEventListener("gone", ({ detail }) => heard.push([detail.reason, ...detail.ids, ...[detail.replacedBy ?? []].flat()]));
  inbox.addEventListener("notification", ({ detail: { notification, reminder } }) =>
    heard.push([reminder ? "reminder" : "notification", notification.id]));
  inbox.addEventListener("problem", ({ detail }) => heard.push([detail.action, detail.problem.code]));
  inbox.start();
  await settled();
  server.socket.tell("connect");
  server.socket.tell("connected", { userId: "7", ...server.counts });
  server.socket.tell("catch_up_complete", server.counts);
  await settled();
}

const ids = () => inbox.items.map(({ id }) => id);
const tell = (event, payload) => server.socket.tell(event, { ...COUNTS, ...payload });

test("it is on top until it is acknowledged, and can only be seen", async () => {
  await open(required("b"), item("d"), item("a"));
  tell("notification", item("e"));
  assert.deepEqual([ids(), mustAcknowledge(inbox.items[0])], [["b", "e", "d", "a"], true]);
  await inbox.read(["b", "d"]);
  await inbox.archive(["b"]);
  await inbox.remove(["b"]);
  const later = inbox.later("remove", ["b"]);
  assert.deepEqual(ids(), ["b", "e", "d", "a"]);
  later.undo();
  await inbox.readAll();
  await inbox.seen(["b"]);
  assert.deepEqual(inbox.items.map(({ read }) => read), [false, true, true, true]);
  const sent = [{ action: "read", ids: ["d"] }, { action: "read", all: true, upTo: "e" }, { action: "seen", ids: ["b"] }];
  assert.deepEqual(server.done, sent);
});

test("what other devices do to all passes over it", async () => {
  await open(required("b"), item("a"));
  tell("announcement", required("c"));
  tell("notification_read", { all: true, upTo: "c" });
  assert.deepEqual(inbox.items.map(({ id, read }) => [id, read]), [["c", false], ["b", false], ["a", true]]);
  tell("notification_updated", { all: true, upTo: "c", changes: { archived: true } });
  tell("notification_deleted", { all: true, upTo: "c" });
  assert.deepEqual([ids(), heard], [["c", "b"], [["notification", "c"]]], "its toast stays, too");
  tell("notification_deleted", { ids: ["c"] });
  assert.deepEqual([ids(), heard.at(-1)], [["b"], ["deleted", "c"]], "it was retracted");
});

test("acknowledging is shown at once, and is like any other then", async () => {
  await open(required("b"), item("c"));
  server.slow = true;
  const acknowledging = inbox.acknowledge("b");
  await settled();
  assert.deepEqual([ids(), inbox.items[1].read, mustAcknowledge(inbox.items[1])], [["c", "b"], true, false]);
  server.release();
  assert.equal(await acknowledging, true);
  const { method, pathname } = server.requests.at(-1);
  assert.deepEqual([method, pathname], ["POST", "/v1/notifications/b/acknowledge"]);
  assert.equal(inbox.items[1].acknowledgedAt, "then");
  server.slow = false;
  await inbox.archive(["b"]);
  assert.deepEqual(ids(), ["c"]);
});

test("what was refused is to be acknowledged still", async () => {
  await open(required("b"), item("c"));
  server.acknowledge = () => [503, { code: "unavailable" }];
  assert.equal(await inbox.acknowledge("b"), false);
  assert.deepEqual([ids(), inbox.items[0].read, heard], [["b", "c"], false, [["acknowledge", "unavailable"]]]);
  server.acknowledge = () => [404, { code: "not_found" }];
  assert.equal(await inbox.acknowledge("b"), true, "it was retracted, which is nobody's fault");
  assert.deepEqual([ids(), heard.length], [["c"], 1]);
});

test("another device has acknowledged it", async () => {
  await open(required("b"), item("c"));
  tell("announcement", required("d"));
  tell("notification_read", { ids: ["d"] });
  tell("notification_updated", { ids: ["d"], changes: { acknowledgedAt: "then", status: "READ", read: true } });
  assert.deepEqual([ids(), heard.at(-1)], [["b", "d", "c"], ["read", "d"]]);
});

test("old ones on top do not make the list look longer than it is", async () => {
  const older = Array.from({ length: 60 }, (_, index) => item(String(99 - index)));
  await open(required("01"), ...older);
  assert.deepEqual([ids().length, inbox.hasOlder], [30, true]);
  const { lists } = server;
  tell("notification_updated", { ids: ["45"], changes: { archived: false } });
  assert.equal(server.lists, lists, "it is below what is shown");
  tell("notification", required("02"));
  server.list = older;
  await inbox.refresh();
  assert.deepEqual([ids().includes("01"), heard.at(-1)], [false, ["deleted", "02"]], "those on top are in every list");
});

test("a reminder tells of it again, and doubles nothing", async () => {
  await open();
  tell("announcement", required("b"));
  assert.equal(await inbox.claim("b"), true);
  for (let time = 1; time <= 2; time += 1) {
    tell("announcement", required("b", { reminder: true }));
    tell("global_notification", required("b", { reminder: true }));
    assert.equal(await inbox.claim("b"), true);
    assert.equal(await inbox.claim("b"), false);
  }
  assert.deepEqual([ids(), "reminder" in inbox.items[0]], [["b"], false]);
  assert.deepEqual(heard, [["notification", "b"], ["reminder", "b"], ["reminder", "b"]]);
  await inbox.acknowledge("b");
  tell("announcement", required("b", { reminder: true })); // was on its way
  tell("notification_deleted", { ids: ["b"] });
  tell("announcement", required("b", { reminder: true }));
  assert.deepEqual([ids(), heard.slice(3)], [[], [["read", "b"]]]);
});

test("one that replaces another takes its place in one step", async () => {
  await open();
  tell("notification", item("a"));
  tell("notification_deleted", { ids: ["a"], reason: "collapsed", replacedBy: "b" });
  assert.deepEqual(ids(), ["a"], "until the other is here");
  const seen = [];
  inbox.addEventListener("change", () => seen.push(ids().join()));
  tell("notification", item("b", { collapsed: 1 }));
  tell("notification", item("c", { collapsed: 2 })); // the other way round
  tell("newNotification", item("c", { collapsed: 2 }));
  assert.deepEqual(ids(), ["b"], "until it is known that this one goes");
  tell("notification_deleted", { ids: ["b"], reason: "collapsed", replacedBy: "c" });
  assert.deepEqual([ids(), inbox.items[0].collapsed], [["c"], 2]);
  assert.deepEqual(seen.filter((each) => !["b", "c"].includes(each)), [], "never none of them, and never both");
  assert.deepEqual(heard, [
    ["notification", "a"], ["collapsed", "a", "b"], ["notification", "b"], ["collapsed", "b", "c"], ["notification", "c"],
  ]);
});

test("one that has replaced what was never here comes all the same", async () => {
  await open();
  tell("notification", item("b", { collapsed: 1 }));
  await pass(250);
  assert.deepEqual([ids(), heard], [["b"], [["notification", "b"]]]);
  tell("notification_deleted", { ids: ["a"], reason: "collapsed", replacedBy: "b" });
  assert.deepEqual(ids(), ["b"]);
});

test("one whose successor does not come goes all the same", async () => {
  await open(item("a"));
  tell("notification_deleted", { ids: ["a"], reason: "collapsed", replacedBy: "b" });
  await pass(1_000);
  assert.deepEqual(ids(), []);
});

test("what has expired goes, also while nobody could tell", async () => {
  await open();
  for (const id of ["a", "b", "c"]) tell("notification", item(id));
  tell("notification_deleted", { ids: ["a"], reason: "expired" });
  server.socket.tell("disconnect");
  server.list = [item("c")];
  server.socket.tell("connect");
  server.socket.tell("connected", { userId: "7", ...COUNTS });
  server.socket.tell("catch_up_complete", COUNTS);
  await settled();
  assert.deepEqual([ids(), heard.slice(3)], [["c"], [["expired", "a"], ["deleted", "b"]]]);
});

test("what an unsubscribed topic had is back with the next subscription", async () => {
  await open(item("b", { kind: "announcement", topic: "tides" }), item("a"));
  tell("notification_deleted", { ids: ["b"], reason: "unsubscribed" });
  assert.deepEqual(ids(), ["a"]);
  tell("reload");
  await pass(2_000);
  assert.deepEqual(ids(), ["b", "a"]);
});
