import assert from "node:assert/strict";
import { test } from "node:test";

import { Items } from "../../static/bell/items.js";

const item = (id, more) => ({ id, type: "SYSTEM", status: "PENDING", read: false, userId: "7", ...more });
const ids = (items) => items.shown.map(({ id }) => id);

function some(...known) {
  const items = new Items();
  for (const id of known) items.merge(item(id));
  return items;
}

test("each is there once, newest first", () => {
  const items = some("b", "a");
  assert.equal(items.merge(item("c")), true);
  assert.equal(items.merge(item("b")), false);
  assert.deepEqual(ids(items), ["c", "b", "a"]);
  assert.equal(items.newest, "c");
});

test("each change makes a new array, and none without", () => {
  const items = some("a");
  const before = items.shown;
  assert.equal(items.shown, before);
  items.read(["a"]);
  assert.notEqual(items.shown, before);
});

test("a status never goes back", () => {
  const items = some("a");
  items.read(["a"]);
  items.merge(item("a", { status: "DELIVERED", deliveredAt: "now" }));
  const { status, read, deliveredAt } = items.get("a");
  assert.deepEqual({ status, read, deliveredAt }, { status: "READ", read: true, deliveredAt: "now" });
});

test("what was removed does not come back", () => {
  const items = some("a", "b");
  items.drop(["b"]);
  assert.equal(items.merge(item("b")), false);
  assert.deepEqual([ids(items), items.knows("b"), items.knows("c")], [["a"], true, false]);
});

test("what a list has not is gone, but not what came meanwhile or never is in a list", () => {
  const items = some("a", "b");
  items.merge(item("c", { passing: true }));
  const before = items.ids;
  items.merge(item("d"));
  items.keep(["a"], before);
  assert.deepEqual(ids(items), ["d", "c", "a"]);
});

test("only those that match are taken; the newest is known all the same", () => {
  const items = some("a");
  items.only({ unread: true, type: "ORDER" });
  for (const each of [item("b", { type: "ORDER" }), item("c"), item("d", { type: "ORDER", read: true })]) {
    items.merge(each);
  }
  assert.deepEqual([ids(items), items.newest], [["b"], "d"]);
});

test("what is hidden is not shown, until it is again", () => {
  const items = some("a", "b");
  items.hide(["a"], null);
  assert.deepEqual(ids(items), ["b"]);
  items.show(["a"]);
  assert.deepEqual(ids(items), ["b", "a"]);
});

test("for another user nothing is left", () => {
  const items = some("a", "b");
  items.drop(["a"]);
  items.hide(["b"], null);
  items.forget();
  items.merge(item("a"));
  assert.deepEqual([ids(items), items.newest], [["a"], "a"]);
});
