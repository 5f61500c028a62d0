import assert from "node:assert/strict";
import { test } from "node:test";

import { CHANGES } from "../../static/bell/changes.js";
import { Items } from "../../static/bell/items.js";

const item = (id, more) => ({
  id, type: "SYSTEM", title: "", message: "", status: "DELIVERED", read: false, seen: false, archived: false, ...more,
});
const edit = (action, ...ids) => ({ ids: new Set(ids), ...CHANGES[action] });
const all = (action, upTo) => ({ ids: null, upTo, ...CHANGES[action] });
const ids = (items) => items.shown.map(({ id }) => id);

function some(...known) {
  const items = new Items();
  for (const id of known) items.arrive(item(id));
  return items;
}

test("each is there once, newest first", () => {
  const items = some("b", "a");
  items.arrive(item("c"));
  items.arrive(item("b", { message: "again" }));
  assert.deepEqual([ids(items), items.get("b").message, items.newest], [["c", "b", "a"], "", "c"]);
});

test("each change makes a new array, and none without", () => {
  const items = some("a");
  const before = items.shown;
  assert.equal(items.shown, before);
  items.tell(edit("read", "a"));
  assert.notEqual(items.shown, before);
});

test("what is not different stays the same object", () => {
  const items = some("a", "b");
  const [b, a] = items.shown;
  items.lay(edit("read", "a"));
  const [sameB, readA] = items.shown;
  assert.deepEqual([sameB === b, readA === a, items.get("a") === readA], [true, false, true]);
  items.tell(edit("seen", "c"));
  assert.deepEqual(items.shown.map((each) => [b, readA].includes(each)), [true, true]);
});

test("what was deleted does not come back", () => {
  const items = some("a", "b");
  items.tell(edit("remove", "b", "c"));
  for (const id of ["b", "c"]) items.arrive(item(id));
  assert.equal(items.add([item("b")], items.begin()), 0);
  assert.deepEqual([ids(items), items.knows("b"), items.knows("d")], [["a"], true, false]);
});

test("what a list has not is gone, but not what came meanwhile or never is in a list", () => {
  const items = some("a", "b");
  items.arrive(item("c", { stored: false }));
  const before = items.ids;
  items.arrive(item("d"));
  items.keep(["a"], before);
  assert.deepEqual(ids(items), ["d", "c", "a"]);
});

test("a list says how things are, except for what was told while it was on its way", () => {
  const items = some("a", "b", "c");
  items.tell(edit("read", "a", "b", "c"));
  const mark = items.begin();
  items.tell(edit("unread", "b"));
  items.tell(edit("archive", "c"));
  assert.equal(items.add(["a", "b", "c", "d"].map((id) => item(id, { read: true })), mark), 1);
  items.end();
  assert.deepEqual(items.shown.map(({ id, read }) => [id, read]), [["d", true], ["b", false], ["a", true]]);
  items.add([item("a")], items.begin());
  assert.equal(items.get("a").read, false);
});

test("only those that match are taken; the newest is known all the same", () => {
  const items = some("a");
  items.only({ unread: true, type: "ORDER" });
  for (const each of [item("b", { type: "ORDER" }), item("c"), item("d", { type: "ORDER", read: true })]) {
    items.arrive(each);
  }
  assert.deepEqual([ids(items), items.newest], [["b"], "d"]);
});

test("archived ones are in a list of their own", () => {
  const items = some("a", "b");
  items.tell(all("archive", "a"));
  assert.deepEqual(ids(items), ["b"]);
  items.tell(all("read"));
  assert.equal(items.get("a").read, false, "all are those that are not archived");
  items.tell(all("unarchive"));
  assert.deepEqual(ids(items), ["b", "a"]);
});

test("what is laid over is shown, and when it is lifted things are as the server says", () => {
  const items = some("a", "b", "c");
  const [removing, reading] = [edit("remove", "a"), edit("read", "b", "c")];
  items.lay(removing);
  items.lay(reading);
  assert.deepEqual([ids(items), items.get("a"), items.get("b").read], [["c", "b"], null, true]);
  items.tell(edit("archive", "c"));
  items.arrive(item("d"));
  items.lift(removing);
  items.lift(reading);
  assert.deepEqual(items.shown.map(({ id, read }) => [id, read]), [["d", false], ["b", false], ["a", false]]);
});

test("later ones of what is laid over count", () => {
  const items = some("a");
  for (const action of ["archive", "unarchive", "read", "unread"]) items.lay(edit(action, "a"));
  assert.deepEqual([ids(items), items.get("a").read], [["a"], false]);
});

test("for another user nothing is left", () => {
  const items = some("a", "b");
  items.tell(edit("remove", "a"));
  items.lay(edit("remove", "b"));
  items.forget();
  for (const id of ["a", "b"]) items.arrive(item(id));
  assert.deepEqual([ids(items), items.newest], [["b", "a"], "b"]);
});
