import assert from "node:assert/strict";
import { test } from "node:test";

import { ceiling, line } from "../../static/admin/chart.js";
import { grouped } from "../../static/admin/grouped.js";
import { Health } from "../../static/admin/health.js";
import { brief, duration } from "../../static/admin/words.js";
import { Problem } from "../../static/rest.js";

const START = Date.parse("2026-11-20T09:00:00Z");
const at = (seconds) => START + seconds * 1000;
const iso = (seconds) => new Date(at(seconds)).toISOString();

const ready = (id, since = -60) => ({ id, version: "1", since: iso(since), sockets: 3, status: "ready", problems: [], figures: {} });
const silent = (id, heard) => ({ id, status: "silent", problems: [`not heard since ${iso(heard)}`], lastHeard: iso(heard) });
const degraded = (id, ...problems) => ({ ...ready(id), status: "degraded", problems });
const DEAF = "redis: this instance has not heard itself through Redis for 4 s";

const texts = (health) => health.troubles.map(({ text }) => text);
const happened = (health) => health.happenings.map(({ text }) => text).reverse();

/** What is known after these answers, one a second. */
function after(...answers) {
  const health = new Health();
  answers.forEach((answer, second) => (Array.isArray(answer) ? health.answered(answer, at(second)) : health.failed(answer, at(second))));
  return health;
}

test("two instances that are ready: all is well", () => {
  const health = after([ready("a"), ready("b")]);
  assert.deepEqual(texts(health), []);
  assert.deepEqual(happened(health), []);
});

test("one that is silent is gone until it answers again", () => {
  const health = after([ready("a"), ready("b")], [ready("a"), silent("b", 0)]);
  assert.deepEqual(texts(health), ["Instance b does not answer"]);
  assert.match(health.troubles[0].hint, /^It had 3 sockets/);
  health.answered([ready("a"), ready("b")], at(4));
  assert.deepEqual(texts(health), []);
  assert.deepEqual(happened(health), ["Instance b does not answer", "Over after 3 seconds: Instance b does not answer"]);
});

test("one that was silent from the beginning is told, too", () => {
  assert.deepEqual(texts(after([ready("a"), silent("b", -20)])), ["Instance b does not answer"]);
});

test("what comes back at once was not over", () => {
  const well = [ready("a"), ready("b")];
  const health = after(well, [ready("a"), degraded("b", DEAF)], well, [ready("a"), degraded("b", DEAF)]);
  assert.deepEqual(health.troubles.map(({ text, since }) => [text, since]), [["Redis is away", at(1)]]);
  assert.deepEqual(happened(health), ["Redis is away"]);
  health.answered(well, at(4));
  assert.deepEqual(happened(health), ["Redis is away", "Over after 3 seconds: Redis is away"]);
  health.answered([ready("a"), degraded("b", DEAF)], at(8));
  assert.equal(happened(health).length, 3);
  assert.equal(health.troubles[0].since, at(8));
});

test("a queue that nothing is taken from is named, with the reason", () => {
  const health = after([degraded("a", "queue rabbitmq:orders: Connection refused"), ready("b")]);
  assert.deepEqual(texts(health), ["Instance a takes nothing from the queue rabbitmq:orders"]);
  assert.match(health.troubles[0].hint, /^Connection refused\. What is published/);
});

test("one that starts after another went silent has taken its place", () => {
  const health = after([ready("a"), ready("b")], [ready("a"), silent("b", 0.5)], [ready("a"), silent("b", 0.5), ready("c", 1.5)]);
  assert.deepEqual(texts(health), []);
  assert.deepEqual(health.instances.map(({ instance }) => instance.id), ["a", "c"]);
  health.answered([ready("a"), silent("b", 0.5), ready("c", 1.5)], at(5));
  assert.deepEqual(texts(health), []);
});

test("two that were replaced one after the other, in whatever order they are listed", () => {
  const [first, last] = [silent("a", -30), silent("b", -10)];
  for (const gone of [[first, last], [last, first]]) {
    for (const there of [[ready("c", -20), ready("d", -5)], [ready("d", -5), ready("c", -20)]]) {
      assert.deepEqual(texts(after([...there, ...gone])), []);
    }
  }
});

test("for two that went silent one is not enough", () => {
  const gone = [silent("b", 0.5), silent("c", 0.5)];
  assert.equal(texts(after([ready("a"), ready("b"), ready("c")], [ready("a"), ...gone], [ready("a"), ...gone, ready("d", 1.5)])).length, 1);
});

test("one that is not expected back is not missed; should it come back, it has joined", () => {
  const health = after([ready("a"), ready("b")], [ready("a"), silent("b", 0)]);
  health.forget("b", at(2));
  health.answered([ready("a"), silent("b", 0)], at(3));
  assert.deepEqual(texts(health), []);
  health.answered([ready("a"), ready("b")], at(4));
  assert.equal(happened(health).at(-1), "Instance b has joined");
});

test("a rolling restart is no trouble but the stopping", () => {
  const health = after([ready("a"), ready("b")], [ready("a"), { ...ready("b"), status: "draining" }]);
  assert.deepEqual(texts(health), ["Instance b is stopping"]);
  for (const second of [2, 3, 4, 5, 6]) health.answered([ready("a")], at(second));
  health.answered([ready("a"), ready("c", 6)], at(7));
  assert.deepEqual(texts(health), []);
  assert.deepEqual(happened(health).slice(1), ["Over after 1 second: Instance b is stopping", "Instance b has ended in order", "Instance c has joined"]);
});

test("one that has just started may not know of the others yet", () => {
  const health = after([ready("a"), ready("b")], [ready("a"), silent("b", 0)], [ready("a"), silent("b", 0)], [ready("c", 3)]);
  health.answered([ready("a"), silent("b", 0), ready("c", 3)], at(4));
  assert.deepEqual(texts(health), []);
  assert.deepEqual(happened(health).filter((text) => /joined|ended/.test(text)), ["Instance c has joined"]);
});

test("what looked like instances that do not answer was Redis", () => {
  const health = after([ready("a"), ready("b")], [ready("a"), silent("b", 0)], [silent("a", 0), ready("b")]);
  health.answered([degraded("a", DEAF), silent("b", 0)], at(4));
  assert.deepEqual(texts(health), ["Redis is away"]);
  assert.deepEqual(happened(health).filter((text) => /answer/.test(text) && !/^Over/.test(text)), []);
  health.answered([silent("a", 0), degraded("b", DEAF)], at(5));
  assert.deepEqual(texts(health), ["Redis is away"]);
  health.answered([ready("a"), silent("b", 0)], at(8));
  assert.deepEqual(texts(health), ["Redis is away"], "the other one has not said anything else");
  health.answered([ready("a"), silent("b", 0)], at(14));
  assert.deepEqual(texts(health), ["Instance b does not answer"]);
});

test("Redis is away once, though each instance answers for itself in its turn, and notices it at another time", () => {
  const health = after([ready("a"), ready("b")]);
  const deaf = (id, other) => [degraded(id, DEAF), silent(other, 0)];
  const well = (id, other) => [ready(id), silent(other, 0)];
  const answers = [deaf("a", "b"), well("b", "a"), deaf("a", "b"), deaf("b", "a"), well("a", "b"), deaf("b", "a"), well("a", "b"), well("b", "a")];
  answers.forEach((answer, second) => health.answered(answer, at(second + 1)));
  health.answered([ready("a"), ready("b")], at(9));
  assert.deepEqual(happened(health), ["Redis is away", "Over after 7 seconds: Redis is away"]);
});

test("what an instance has said of Redis holds though the others answer for a long time", () => {
  const health = after([ready("a"), ready("b")], [silent("a", 0), degraded("b", DEAF)]);
  for (let second = 2; second < 10; second++) health.answered([degraded("a", DEAF), silent("b", 0)], at(second));
  health.answered([ready("a"), silent("b", 0)], at(10));
  health.answered([silent("a", 0), degraded("b", DEAF)], at(11));
  health.answered([ready("a"), ready("b")], at(12));
  assert.deepEqual(happened(health), ["Redis is away", "Over after 11 seconds: Redis is away"]);
});

test("one that died while Redis was away does not keep it away", () => {
  const health = after([ready("a"), ready("b")], [silent("a", 0), degraded("b", DEAF)], [degraded("a", DEAF), silent("b", 0)]);
  for (let second = 3; second < 12; second++) health.answered([ready("a"), silent("b", 1)], at(second));
  assert.deepEqual(texts(health), ["Instance b does not answer"]);
});

test("what one instance misses of another that is silent is told once", () => {
  const problem = "redis: instance b has not been heard for 5 s";
  assert.deepEqual(texts(after([degraded("a", problem), silent("b", -5)])), ["Instance b does not answer"]);
});

test("the database is one trouble, whoever says so, and the worst one comes first", () => {
  const health = after([degraded("a", "redis: 2 envelope(s) of instance b did not come", "database: is away"), degraded("b", "database: is away")]);
  assert.deepEqual(texts(health).length, 2);
  assert.equal(texts(health)[0], "The database is away");
});

test("when nobody answers it is said, and what was wrong before is still known", () => {
  const health = after([ready("a"), silent("b", 0)], new Problem(0, {}), new Problem(502, {}));
  assert.deepEqual(texts(health), ["The service answers 502", "Instance b does not answer"]);
  assert.equal(happened(health).length, 2, "it is one trouble, whatever is answered meanwhile");
});

const stale = (health) => health.instances.filter((each) => each.stale).map(({ instance }) => instance.id);

test("while Redis is away nothing is known of an instance that only others would know of", () => {
  const health = after([ready("a"), ready("b")], [degraded("a", DEAF), silent("b", 0)]);
  assert.deepEqual(stale(health), [], "it was heard a second ago");
  health.answered([degraded("a", DEAF), silent("b", 0)], at(4));
  assert.deepEqual(stale(health), ["b"]);
  assert.equal(health.isPartial, true);
  health.answered([ready("a"), ready("b")], at(6));
  assert.deepEqual(stale(health), []);
  assert.equal(health.isPartial, false);
});

test("when nobody answers nothing is known of any instance, since the last answer", () => {
  const health = after([ready("a"), ready("b")], new Problem(0, {}));
  assert.deepEqual(stale(health), ["a", "b"]);
  assert.equal(health.isPartial, true);
  assert.equal(health.answeredAt, at(0));
});

test("what several instances say of the same event is told once", () => {
  const says = (instance, second, message = "Redis is away") => ({ instance, at: iso(second), level: "warning", logger: "x", message });
  const groups = grouped([says("a", 60), says("b", 32), says("c", 31, "no"), says("a", 30), says("a", 29)]);
  assert.deepEqual(groups.map(({ at, text, of }) => [(at - START) / 1000, text, of]), [
    [60, "Redis is away", ["a"]],
    [32, "Redis is away", ["b", "a"]],
    [31, "no", ["c"]],
    [29, "Redis is away", ["a"]],
  ]);
});

test("a line through what is known, with gaps, to the edge", () => {
  assert.equal(line([0, 10], 10, 3), "M120.0 55.0L240.0 4.0");
  assert.equal(line([1, null, 1], 1, 3), "M0.0 4.0M240.0 4.0");
});

test("the top of a chart is a round number", () => {
  assert.deepEqual([0, 0.4, 1, 1.1, 3, 17, 51, 1210].map(ceiling), [1, 1, 1, 2, 5, 20, 100, 2000]);
});

test("durations and numbers as they are read", () => {
  assert.deepEqual([0, 7.44, 448, 3000, 5230, 45_000, 600_000, 9_000_000, 2e9].map(duration), ["0 ms", "7.4 ms", "448 ms", "3 s", "5.2 s", "45 s", "10 min", "2 h 30 min", "23 days"]);
  assert.deepEqual([0, 2.345, 17.6, 9999, 123_456].map(brief), ["0", "2.3", "18", "9,999", "123K"]);
});
