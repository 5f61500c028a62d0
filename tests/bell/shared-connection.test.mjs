import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { SharedConnection } from "../../static/bell/shared-connection.js";
import { newestChannel, pass, settled, start } from "./browser.mjs";

let page;

beforeEach(() => {
  page = start();
});

/** A tab: what it has heard, and its connections to the server, which the test plays. */
function tab() {
  const made = { events: [], states: [], servers: [], refreshed: [], messages: [] };
  made.shared = new SharedConnection("line", {
    connect: (onEvent, onState) => {
      const server = { event: onEvent, state: (state, more) => onState({ state, ...more }), open: true };
      made.servers.push(server);
      return { close: () => (server.open = false), refresh: (token) => made.refreshed.push(token) };
    },
    onEvent: (name, payload, handover) => made.events.push(handover ? [name, payload, "handover"] : [name, payload]),
    onState: ({ state }) => made.states.push(state),
    onTab: (message) => made.messages.push(message),
  });
  made.shared.open();
  made.hang = () => (channel.hangs = true);
  const channel = newestChannel();
  return made;
}

async function tabs(count) {
  const all = [];
  for (let number = 0; number < count; number += 1) {
    all.push(tab());
    await settled();
  }
  return all;
}

test("one tab has the connection, and the others hear what it hears", async () => {
  const [first, second, third] = await tabs(3);
  first.servers[0].state("live");
  first.servers[0].event("notification", { id: "1" });
  await settled();
  assert.deepEqual([first, second, third].map((each) => each.servers.length), [1, 0, 0]);
  for (const each of [first, second, third]) {
    assert.equal(each.states.at(-1), "live");
    assert.deepEqual(each.events, [["notification", { id: "1" }]]);
  }
  assert.deepEqual([first, second].map((each) => each.shared.leads), [true, false]);
});

test("a tab that comes later is told the state, and who is connected with which count", async () => {
  const [first] = await tabs(1);
  first.servers[0].state("live");
  first.servers[0].event("connected", { userId: "7", unreadCount: 1, unseenCount: 1 });
  first.servers[0].event("unread_count", { unreadCount: 2, unseenCount: 0 });
  const [second] = await tabs(1);
  assert.equal(second.states.at(-1), "live");
  assert.deepEqual(second.events, [["connected", { userId: "7", unreadCount: 2, unseenCount: 0 }]]);
});

test("tabs tell each other what only they know, whoever leads", async () => {
  const all = await tabs(3);
  all[0].shared.post({ hello: true });
  all[1].shared.post({ hello: false });
  await settled();
  assert.deepEqual(all.map((each) => each.messages), [
    [{ hello: false }], [{ hello: true }], [{ hello: true }, { hello: false }],
  ]);
});

test("when the tab that leads goes, one other leads; what is replayed to it then is news", async () => {
  const [first, second, third] = await tabs(3);
  first.servers[0].state("live");
  await settled();
  first.shared.close();
  await settled();
  assert.equal(first.servers[0].open, false);
  assert.deepEqual([second, third].map((each) => each.servers.length), [1, 0]);
  second.servers[0].event("notification", { id: "2" });
  second.servers[0].event("catch_up_complete", {});
  second.servers[0].event("notification", { id: "3" });
  await settled();
  const heard = [
    ["notification", { id: "2" }, "handover"], ["catch_up_complete", {}, "handover"], ["notification", { id: "3" }],
  ];
  assert.deepEqual(third.events, heard);
});

test("a tab that hangs loses the lead to a visible tab, and closes its connection", async () => {
  const [first, second] = await tabs(2);
  first.servers[0].state("live");
  await settled();
  first.hang();
  await pass(5_000); // it asks
  await pass(2_999);
  assert.equal(second.servers.length, 0);
  await pass(1);
  assert.equal(second.servers.length, 1);
  assert.equal(first.servers[0].open, false);
  assert.equal(second.shared.leads && !first.shared.leads, true);
});

test("a hidden tab asks nobody, and takes nothing away", async () => {
  const [first, second] = await tabs(2);
  page.visibilityState = "hidden";
  first.hang();
  await pass(60_000);
  assert.deepEqual([second.servers.length, first.servers[0].open], [0, true]);
});

test("what a former leader still says is not heeded", async () => {
  const [first, second] = await tabs(2);
  first.servers[0].state("live");
  await settled();
  const late = new BroadcastChannel("line");
  late.postMessage({ what: "event", name: "notification", payload: { id: "old" }, handover: false, term: 1 });
  await settled();
  assert.deepEqual(second.events, []);
});

test("a tab that is refused steps back, and follows one whose token is better", async () => {
  const [first, second] = await tabs(2);
  first.servers[0].state("refused", { code: "token_expired" });
  await settled();
  assert.deepEqual([first.servers[0].open, second.servers.length], [false, 1]);
  second.servers[0].state("live");
  second.servers[0].event("notification", { id: "4" });
  await settled();
  assert.deepEqual([first.states.at(-1), first.events], ["live", [["notification", { id: "4" }]]]);
  assert.equal(second.states.includes("refused"), false, "that is the other's token");
});

test("a server that is full refuses for now: nobody steps back", async () => {
  const [first, second] = await tabs(2);
  first.servers[0].state("refused", { code: "unavailable" });
  await settled();
  assert.deepEqual([first.servers[0].open, second.servers.length], [true, 0]);
});

test("a new token reaches the server once, by the tab that leads", async () => {
  const [first, second] = await tabs(2);
  for (const each of [first, second]) each.shared.refresh("next");
  assert.deepEqual([first.refreshed, second.refreshed], [["next"], []]);
});

test("of all tabs one tells the reader, and none that is hidden", async () => {
  const all = await tabs(3);
  const claims = await Promise.all(all.map((each) => each.shared.claim("5")));
  assert.equal(claims.filter(Boolean).length, 1);
  page.visibilityState = "hidden";
  assert.deepEqual(await Promise.all(all.map((each) => each.shared.claim("6"))), [false, false, false]);
});

test("what is made within a moment goes to one tab, with one lock; and to another when that one is hidden", async () => {
  const asked = [];
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = (name, ...rest) => (asked.push(name), request(name, ...rest));
  const [first, second] = await tabs(2);
  asked.length = 0;
  const ids = Array.from({ length: 50 }, (_, number) => `01936a2b-3c4d-7${number + 100}-8000-000000000000`);
  const mine = await Promise.all(ids.map((id) => first.shared.claim(id)));
  assert.equal(mine.every(Boolean), true);
  assert.equal(asked.length, 1);
  assert.equal(await second.shared.claim(ids[0]), false);
  assert.equal(await second.shared.claim("01936a2b-3d4d-7100-8000-000000000000"), true, "of another moment");
  page.dispatchEvent(new Event("visibilitychange"));
  await settled();
  assert.equal(await second.shared.claim(ids[49]), true);
});

test("who is alone repeats nothing, and begins to as soon as another is there", async () => {
  const posted = [];
  const post = BroadcastChannel.prototype.postMessage;
  BroadcastChannel.prototype.postMessage = function (message) {
    if (message.what === "event") posted.push(message.name);
    post.call(this, message);
  };
  try {
    const [first] = await tabs(1);
    first.servers[0].state("live");
    first.servers[0].event("notification", { id: "1" });
    assert.deepEqual([first.events.length, posted], [1, []]);
    const [second] = await tabs(1);
    first.servers[0].event("notification", { id: "2" });
    await settled();
    assert.deepEqual(second.events, [["notification", { id: "2" }]]);
  } finally {
    BroadcastChannel.prototype.postMessage = post;
  }
});

test("a new leader is told by those that do not wait to lead, and repeats to them", async () => {
  const [refused] = await tabs(1);
  refused.servers[0].state("refused", { code: "token_expired" });
  await pass(1);
  const [leader] = await tabs(1);
  leader.servers[0].state("live");
  await settled();
  leader.servers[0].event("notification", { id: "3" });
  await settled();
  assert.deepEqual(refused.events, [["notification", { id: "3" }]]);
});

test("a tab that does not share has a connection of its own", async () => {
  const servers = [];
  const connect = () => (servers.push(1), { close() {}, refresh() {} });
  for (let number = 0; number < 2; number += 1) {
    new SharedConnection(null, { connect, onEvent() {}, onState() {} }).open();
  }
  await settled();
  assert.equal(servers.length, 2);
});
