import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Inbox } from "../../static/eventide-bell.js";
import { newestChannel, pass, settled, start } from "./browser.mjs";
import { item, jwt, many, Server } from "./server.mjs";

let page;
let server;
let inbox;
let told;
let gone;
let problems;

beforeEach(() => {
  page = start();
  server = new Server();
  told = [];
});

async function open({ token = jwt({ sub: "7" }), ...options } = {}) {
  const getToken = typeof token === "function" ? token : () => token;
  inbox = new Inbox({ url: "https://notify.example/eventide", getToken, io: server.io, sharing: false, ...options });
  gone = [];
  problems = [];
  inbox.addEventListener("gone", ({ detail }) => gone.push([detail.reason, ...detail.ids]));
  inbox.addEventListener("problem", ({ detail }) => problems.push([detail.action, detail.problem.code]));
  inbox.addEventListener("notification", ({ detail }) => told.push([detail.notification.id, detail.replayed]));
  inbox.start();
  await settled();
  return inbox;
}

async function live() {
  server.socket.tell("connect");
  server.socket.tell("connected", { userId: "7", ...server.counts });
  server.socket.tell("catch_up_complete", server.counts);
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

test("an announcement has all that there is to know: the list is not read for it", async () => {
  await open();
  await live();
  const { lists } = server;
  server.socket.tell("announcement", item("a", { kind: "announcement", userId: undefined }));
  server.socket.tell("announcement", item("b", { kind: "announcement", userId: undefined, stored: false }));
  await pass(5_000);
  assert.deepEqual([ids(), inbox.items[0].kind, server.lists], [["b", "a"], "announcement", lists]);
  server.list = [item("a", { kind: "announcement" })];
  await inbox.refresh();
  assert.deepEqual(ids(), ["b", "a"], "a list never has the one that is not stored");
  assert.deepEqual([await inbox.read(["b"]), await inbox.remove(["b"])], [true, true]);
  assert.deepEqual([ids(), server.done], [["a"], []]);
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

test("before a list is loaded, the first page is the next one", async () => {
  server.list = many(35);
  await open();
  do await inbox.loadOlder(); while (inbox.hasOlder);
  assert.equal(inbox.items.length, 35);
});

test("what is done to several is one request, shown at once; counts are the server's", async () => {
  server.list = many(30);
  server.unreadCount = server.unseenCount = 30;
  await open();
  await live();
  const some = ids().slice(0, 3);
  server.unreadCount = 29; // of then
  const reading = inbox.read(some);
  inbox.read([ids()[3]]);
  assert.deepEqual(inbox.items.slice(0, 5).map(({ read, seen, status }) => [read, seen, status]),
    [...Array(4).fill([true, true, "READ"]), [false, false, "DELIVERED"]]);
  assert.equal(inbox.unreadCount, 30);
  assert.equal(await reading, true);
  assert.deepEqual(server.done, [{ action: "read", ids: ids().slice(0, 4) }]);
  assert.equal(inbox.unreadCount, 30, "live, an event tells it");
  server.socket.tell("notification_read", { ids: some, unreadCount: 26, unseenCount: 25 });
  assert.deepEqual([inbox.unreadCount, inbox.unseenCount], [26, 25]);
  await inbox.read(some);
  assert.equal(server.done.length, 1, "there was nothing left to do");
});

test("each action is what the server calls it, and changes what it should", async () => {
  server.list = [item("a")];
  await open();
  await live();
  const first = () => inbox.items[0];
  await inbox.seen(["a"]);
  assert.deepEqual([first().seen, first().read], [true, false]);
  await inbox.read(["a"]);
  await inbox.unread(["a"]);
  assert.deepEqual([first().status, first().read, first().seen, "readAt" in first()], ["DELIVERED", false, true, false]);
  await inbox.archive(["a"]);
  assert.deepEqual(ids(), []);
  await inbox.unarchive(["a"]);
  assert.deepEqual([ids(), "archivedAt" in first()], [["a"], false]);
  assert.equal(await inbox.choose("a", "yes"), true);
  assert.deepEqual([first().read, first().action], [true, { id: "yes", at: "then" }]);
  await inbox.remove(["a"]);
  assert.deepEqual(ids(), []);
  const actions = ["seen", "read", "unread", "archive", "unarchive", "delete"];
  assert.deepEqual(server.done, actions.map((action) => ({ action, ids: ["a"] })));
});

test("a thousand go in one request, and more in several, one after the other", async () => {
  server.list = many(2_500);
  await open();
  await live();
  server.slow = true;
  const removing = inbox.remove(server.list.map(({ id }) => id));
  await settled();
  assert.deepEqual([server.done.length, ids().length], [1, 0]);
  server.slow = false;
  server.release();
  assert.equal(await removing, true);
  assert.deepEqual(server.done.map((each) => each.ids.length), [1_000, 1_000, 500]);
});

test("all means all up to the newest that is known here", async () => {
  server.list = [item("b"), item("a")];
  await open();
  assert.equal(await inbox.readAll(), true, "there is nothing to read");
  await live();
  server.slow = true;
  const reading = inbox.readAll();
  await settled();
  server.socket.tell("notification", item("c"));
  assert.deepEqual(inbox.items.map(({ read }) => read), [false, true, true]);
  server.release();
  assert.equal(await reading, true);
  assert.deepEqual(inbox.items.map(({ read }) => read), [false, true, true]);
  server.slow = false;
  await inbox.seenAll();
  assert.deepEqual(server.done, [
    { action: "read", all: true, upTo: "b" }, { action: "seen", all: true, upTo: "c" },
  ]);
});

test("what could not be done is undone, except for what the server has told meanwhile", async () => {
  server.list = [item("b"), item("a")];
  await open();
  await live();
  server.slow = true;
  server.act = () => [500, { code: "internal_error" }];
  const archiving = inbox.archive(["a", "b"]);
  await settled();
  assert.deepEqual(ids(), []);
  server.socket.tell("notification_deleted", { ids: ["a"], unreadCount: 1, unseenCount: 1 });
  server.release();
  assert.equal(await archiving, false);
  assert.deepEqual([ids(), problems, inbox.problem], [["b"], [["archive", "internal_error"]], null]);
});

test("what is not there any more is gone, which is nobody's fault", async () => {
  server.list = [item("b"), item("a")];
  await open();
  await live();
  server.list = [item("b")];
  assert.equal(await inbox.read(["a"]), true);
  assert.deepEqual([ids(), problems], [["b"], []]);
});

test("of two devices that choose differently the second is told so", async () => {
  server.list = [item("a")];
  await open();
  await live();
  server.answer = () => [409, { code: "conflict" }];
  assert.equal(await inbox.choose("a", "no"), false);
  assert.deepEqual([problems, inbox.items[0].read, inbox.items[0].action], [[["choose", "conflict"]], false, undefined]);
});

test("an answer that is older than an event does not undo it", async () => {
  server.list = [item("b"), item("a")];
  await open();
  await live();
  server.slow = true;
  const reading = inbox.refresh();
  await settled();
  const counts = { unreadCount: 0, unseenCount: 0 };
  server.socket.tell("notification_read", { ids: ["a"], ...counts });
  server.socket.tell("notification_updated", { ids: ["b"], changes: { archived: true }, ...counts });
  server.release();
  await reading;
  assert.deepEqual(inbox.items.map(({ id, read }) => [id, read]), [["a", true]]);
  server.slow = true;
  const unread = inbox.unread(["a"]);
  await settled();
  const changes = { action: { id: "yes", at: "now" }, status: "READ", read: true };
  server.socket.tell("notification_updated", { ids: ["a"], changes, ...counts });
  server.release();
  await unread;
  assert.equal(inbox.items[0].read, true, "another device has read it after that");
});

test("what other devices do shows, in both forms", async () => {
  server.list = ["d", "c", "b", "a"].map((id) => item(id));
  await open();
  await live();
  const { lists } = server;
  const update = (payload) => server.socket.tell("notification_updated", { unreadCount: 4, unseenCount: 0, ...payload });
  const shown = (name) => inbox.items.filter((each) => each[name]).map(({ id }) => id).join("");
  update({ ids: ["c"], changes: { seen: true, seenAt: "now" } });
  assert.equal(shown("seen"), "c");
  update({ all: true, upTo: "b", changes: { seen: true, seenAt: "now" } });
  assert.deepEqual([shown("seen"), inbox.unseenCount], ["cba", 0]);
  server.socket.tell("notification_read", { all: true, upTo: null, unreadCount: 0, unseenCount: 0 });
  assert.deepEqual([shown("read"), shown("seen")], ["dcba", "dcba"]);
  update({ ids: ["a"], changes: { status: "DELIVERED", read: false, readAt: null } });
  assert.equal(shown("read"), "dcb");
  update({ all: true, upTo: "b", changes: { archived: true, archivedAt: "now" } });
  assert.deepEqual(ids(), ["d", "c"]);
  update({ ids: ["a"], changes: { archived: false, archivedAt: null } });
  assert.deepEqual(ids(), ["d", "c", "a"]);
  update({ ids: ["z"], changes: { seen: true } });
  update({ ids: ["z"], changes: { archived: true } });
  update({ ids: ["z"], changes: { status: "DELIVERED", read: false, readAt: null } });
  await settled();
  assert.equal(server.lists, lists, "none of this needs a list");
  server.socket.tell("notification_deleted", { all: true, upTo: "c", unreadCount: 1, unseenCount: 1 });
  assert.deepEqual(ids(), ["d"]);
});

test("what comes back from the archive, and was not here, is asked for", async () => {
  server.list = [item("b")];
  await open();
  await live();
  server.list = [item("b"), item("a")];
  const changes = { archived: false, archivedAt: null };
  server.socket.tell("notification_updated", { ids: ["a"], changes, unreadCount: 2, unseenCount: 2 });
  await settled();
  assert.deepEqual(ids(), ["b", "a"]);
});

test("filters are the server's, and of what arrives only what matches is taken", async () => {
  await open();
  await live();
  await inbox.setFilter({ unread: true, archived: false, type: "ORDER", q: "Ünder" });
  assert.equal(new URL(server.requests.at(-1).href).search, "?limit=30&unread=true&type=ORDER&q=%C3%9Cnder");
  server.socket.tell("notification", item("a", { type: "ORDER", message: "It is under way" }));
  server.socket.tell("notification", item("b", { type: "ORDER", title: "The ÜNDERSTUDY" }));
  server.socket.tell("notification", item("c", { message: "ünder" }));
  assert.deepEqual([ids(), told.length], [["b"], 3]);
  server.list = [item("a", { archived: true })];
  await inbox.setFilter({ archived: true });
  assert.equal(new URL(server.requests.at(-1).href).search, "?limit=30&archived=true");
  server.socket.tell("notification", item("d"));
  assert.deepEqual(ids(), ["a"]);
  await inbox.unarchive(["a"]);
  assert.deepEqual(ids(), []);
});

test("what needs no attention any more is told, once, with the reason", async () => {
  server.list = [item("a")];
  await open();
  await live();
  for (const id of "bcdefghi") server.socket.tell("notification", item(id));
  const counts = { unreadCount: 0, unseenCount: 0 };
  server.socket.tell("notification_updated", { ids: ["b"], changes: { seen: true }, ...counts });
  for (let twice = 0; twice < 2; twice += 1) server.socket.tell("notification_read", { ids: ["a", "b"], ...counts });
  server.socket.tell("notification_updated", { ids: ["c"], changes: { archived: true }, ...counts });
  server.socket.tell("notification_deleted", { ids: ["d"] }); // retracted
  server.socket.tell("notification_deleted", { ids: ["e"], reason: "expired", ...counts });
  inbox.later("archive", ["f"]);
  server.socket.tell("notification_read", { all: true, upTo: "g", ...counts });
  assert.deepEqual(gone, [
    ["read", "b"], ["archived", "c"], ["deleted", "d"], ["expired", "e"], ["archived", "f"], ["read", "g"],
  ]);
  server.list = [item("i", { read: true, status: "READ" }), item("a")];
  await inbox.refresh(); // and what happened while the connection was away
  assert.deepEqual(gone.slice(6), [["deleted", "h"], ["read", "i"]]);
});

test("a list that failed stays so, whatever arrives, until it is loaded", async () => {
  server.answer = () => [500, { code: "internal_error" }];
  await open();
  await live();
  assert.deepEqual([inbox.problem.status, inbox.loaded, problems], [500, false, [["list", "internal_error"]]]);
  server.socket.tell("notification", item("a"));
  await inbox.read(["a"]);
  assert.deepEqual([ids(), inbox.problem.status], [["a"], 500]);
  delete server.answer;
  await pass(2_000);
  assert.deepEqual([inbox.problem, inbox.loaded], [null, true]);
});

test("what is done later can be undone; otherwise it happens in time", async () => {
  server.list = ["d", "c", "b", "a"].map((id) => item(id));
  await open();
  await live();
  const laters = ["a", "b", "c"].map((id) => inbox.later(id === "b" ? "archive" : "remove", [id]));
  assert.deepEqual(ids(), ["d"]);
  laters[0].undo();
  assert.equal(await laters[0].done, false);
  laters[2].hold();
  await pass(8_000);
  assert.equal(await laters[1].done, true);
  assert.deepEqual([server.done, ids()], [[{ action: "archive", ids: ["b"] }], ["d", "a"]]);
  laters[2].go();
  await pass(7_999);
  assert.equal(server.done.length, 1);
  await pass(1);
  assert.equal(server.done.length, 2);
});

test("what waits to be deleted is not counted, although the server does not know of it yet", async () => {
  server.list = [item("c"), item("b", { seen: true }), item("a", { read: true, seen: true })];
  Object.assign(server, { unreadCount: 2, unseenCount: 1 });
  await open();
  await live();
  const shown = [];
  inbox.addEventListener("unread", ({ detail }) => shown.push(Object.values(detail)));
  const now = () => [inbox.unreadCount, inbox.unseenCount];
  inbox.later("remove", ["c", "a"]).undo();
  assert.deepEqual(shown.splice(0), [[1, 0], [2, 1]]);
  inbox.later("archive", ["b"]);
  inbox.later("remove", ["c"]);
  await inbox.setFilter({ type: "REPORT" }); // whatever is shown
  assert.deepEqual(now(), [0, 0]);
  server.socket.tell("unread_count", { unreadCount: 3, unseenCount: 2 });
  assert.deepEqual(now(), [1, 1], "what arrives is counted");
  server.socket.tell("notification_read", { ids: ["b"], unreadCount: 2, unseenCount: 2 });
  assert.deepEqual(now(), [1, 1], "and what the server counts no longer is not subtracted");
  server.slow = true;
  await pass(8_000);
  assert.deepEqual(now(), [1, 1], "while the requests are on their way");
  server.socket.tell("notification_deleted", { ids: ["c"], unreadCount: 1, unseenCount: 1 });
  server.release();
  await settled();
  server.release();
  await settled();
  assert.deepEqual([now(), shown], [[1, 1], [[1, 1], [0, 0], [1, 1]]]);
});

test("what could not be deleted is counted again; without a connection the answer's counts are all", async () => {
  server.list = [item("b"), item("a")];
  Object.assign(server, { unreadCount: 2, unseenCount: 2 });
  await open();
  await pass(1_000);
  inbox.later("remove", ["a"]);
  assert.equal(inbox.unreadCount, 1);
  server.down = true;
  await pass(8_000);
  assert.equal(inbox.unreadCount, 2);
  server.down = false;
  const shown = [];
  inbox.addEventListener("unread", ({ detail }) => shown.push(Object.values(detail)));
  inbox.later("remove", ["b"]);
  Object.assign(server, { unreadCount: 1, unseenCount: 1 });
  await pass(8_000);
  assert.deepEqual(shown, [[1, 1]]);
});

test("of what is done later to the same, the last counts", async () => {
  server.list = ["b", "a"].map((id) => item(id));
  await open();
  await live();
  const first = inbox.later("remove", ["a", "b"]);
  const second = inbox.later("archive", ["a"]);
  first.now();
  second.now();
  await settled();
  assert.deepEqual(server.done, [{ action: "delete", ids: ["b"] }, { action: "archive", ids: ["a"] }]);
});

test("when the page is left, all that waits leaves in one request, at once", async () => {
  server.list = many(300);
  await open();
  await live();
  for (const { id } of server.list) inbox.later("remove", [id]);
  inbox.close();
  const [request] = server.requests.slice(-1);
  assert.deepEqual([server.done.length, server.done[0].ids.length, request.keepalive], [1, 300, true]);
  await settled();
  assert.deepEqual(server.list, []);
});

test("what waits goes with what is on its way, within what a browser takes for a page that is gone", async () => {
  server.list = Array.from({ length: 2_000 }, (_, index) => item(String(index).padStart(36, "0")));
  const all = server.list.map(({ id }) => id);
  await open();
  await live();
  server.slow = true;
  inbox.remove(all.slice(0, 1_000));
  inbox.later("remove", all.slice(1_000, 1_600));
  inbox.later("archive", all.slice(1_600, 2_000));
  await settled();
  inbox.close();
  assert.deepEqual(server.requests.slice(-3).map(({ sent, keepalive }) => [sent.action, sent.ids.length, keepalive]),
    [["delete", 1_000, true], ["delete", 600, true], ["archive", 400, false]]);
});

test("without a connection the answers tell the counts", async () => {
  server.list = [item("a")];
  server.unreadCount = server.unseenCount = 1;
  await open();
  await pass(1_000);
  server.unreadCount = server.unseenCount = 0;
  assert.equal(await inbox.readAll(), true);
  assert.deepEqual([inbox.unreadCount, inbox.unseenCount, inbox.items[0].read], [0, 0, true]);
  server.unreadCount = 5;
  await inbox.choose("a", "yes");
  assert.equal(inbox.unreadCount, 5);
});

test("another user's token begins anew, and nothing of the former is left", async () => {
  server.list = [item("a"), item("A")];
  let sub = "7";
  await open({ token: () => jwt({ sub, jti: Math.random() }) });
  await live();
  const { token } = server.socket.auth;
  await inbox.renew();
  assert.deepEqual(server.sockets.length, 1, "the same user's: the connection is told");
  assert.equal(server.socket.sent[0][0], "refresh_token");
  assert.notEqual(server.socket.sent[0][1].token, token);
  inbox.later("remove", ["A"]);
  sub = "8";
  server.list = [item("z")];
  await inbox.renew();
  await settled();
  const { sent, token: theirs } = server.requests.at(-1);
  assert.deepEqual([sent.ids, theirs], [["A"], `Bearer ${server.sockets[0].sent[0][1].token}`], "with the former's token");
  assert.deepEqual([ids(), server.sockets.length, server.sockets[0].connected], [[], 2, false]);
  await live();
  assert.deepEqual(ids(), ["z"]);
});

test("what one user has asked for is not done to another's", async () => {
  let sub = "7";
  server.list = [item("a")];
  await open({ token: () => jwt({ sub }) });
  await live();
  for (const status of [401, 200]) {
    server.slow = true;
    server.act = () => [status, { code: "token_expired" }];
    const reading = inbox.readAll();
    await settled();
    const { release } = server;
    server.slow = false;
    sub += "8";
    await inbox.renew();
    await settled();
    await live();
    release();
    await reading;
    assert.deepEqual([server.done.length, inbox.items[0].read, problems], [1, false, []]);
    server.requests = [];
  }
});

test("nothing is asked for when all is seen", async () => {
  server.list = [item("a", { seen: true })];
  server.unreadCount = 1;
  await open();
  await live();
  await inbox.seenAll();
  assert.deepEqual(server.done, []);
  server.socket.tell("notification", item("b")); // its count comes later
  await inbox.seenAll();
  assert.deepEqual(server.done, [{ action: "seen", all: true, upTo: "b" }]);
});

test("what one tab does later, the others hide; if it crashes, they show it again", async () => {
  server.list = ["c", "b", "a"].map((id) => item(id));
  const first = await open({ sharing: true });
  while (!server.socket) await settled(); // the name of what tabs share is made on a thread
  await live();
  const channelOfFirst = newestChannel();
  first.later("remove", ["a"], 60_000);
  const second = await open({ sharing: true });
  while (newestChannel() === channelOfFirst) await settled();
  const channel = newestChannel();
  await second.refresh();
  await settled();
  assert.deepEqual(ids(), ["c", "b"]);
  const undone = first.later("archive", ["b"], 60_000);
  await pass(30_000);
  assert.deepEqual(ids(), ["c"], "the first tab says so again and again");
  undone.undo();
  await settled();
  assert.deepEqual(ids(), ["c", "b"]);
  channel.hangs = true; // to the second the first is gone now
  await pass(20_000);
  assert.deepEqual(ids(), ["c", "b", "a"]);
  for (const each of [first, second]) each.close();
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
