/** What is wrong with the service, and since when, by what its instances answer. It knows no page. */

import { Problem } from "../rest.js";
import { abbreviated, counted } from "./words.js";

/** @import { Happening, Instance, Trouble } from "./types.d.ts" */

/**
 * @typedef {object} Seen
 * @property {Instance} instance as it answered last
 * @property {number} at when that was
 * @property {number} listedAt when any instance last knew of it
 * @property {boolean} silent whether it does not answer now
 * @property {boolean} stale whether nothing is known of it now, not even that
 */

const KEPT = 50; // what has happened
const MENDING = 4000; // milliseconds that instances need to hear one another again
const DEAF = /heard itself through Redis/;
const QUEUE = /^queue (.+?): (.*)$/s;
const OTHERS = /instance \w+ has not been heard/; // which is itself in the list

export class Health {
  /** What has happened, the newest first. @type {Happening[]} */
  happenings = [];
  /** @type {Map<string, Seen>} */
  #seen = new Map();
  /** @type {Map<string, Trouble & { since: number }>} */
  #troubles = new Map();
  /** Those that are not expected any more. @type {Set<string>} */
  #forgotten = new Set();
  /** Until then instances do not hear one another, whether they are there or not. */
  #apartUntil = 0;
  /** Whether anything has ever been answered. */
  known = false;
  /** When something was answered last. */
  answeredAt = 0;

  /** What is wrong now, the worst first. */
  get troubles() {
    return [...this.#troubles.values()].sort((a, b) => a.light - b.light || a.since - b.since);
  }

  /** All instances that are there, or ought to be, in the order of their start. */
  get instances() {
    return [...this.#seen.values()].sort((a, b) => ((a.instance.since ?? "") < (b.instance.since ?? "") ? -1 : 1));
  }

  /** Whether there may be instances of which nothing is known: what the others answer is not all. */
  get isPartial() {
    return !this.known || this.#troubles.has("redis") || [...this.#seen.values()].some(({ silent, stale }) => silent || stale);
  }

  /** @param {Instance[]} instances @param {number} now milliseconds since 1970 */
  answered(instances, now) {
    const unheard = this.#unheard(instances, now);
    const troubles = instances.flatMap(troublesOf);
    const isApart = troubles.some(({ key }) => key === "redis");
    troubles.push(...unheard.flatMap(troublesOf));
    if (isApart) this.#apartUntil = now + MENDING;
    const apart = now < this.#apartUntil;
    for (const instance of instances) this.#isThere(instance, now, apart);
    this.#letGo(now);
    this.#forgetReplaced();
    if (apart) this.#takeBack(now);
    else troubles.push(...[...this.#seen.values()].filter(({ silent }) => silent).map(({ instance }) => gone(instance)));
    // Where instances do not hear one another, each answers for itself in its turn.
    for (const seen of this.#seen.values()) seen.stale = !seen.silent && now - seen.at >= MENDING;
    this.known = true;
    this.answeredAt = now;
    this.#now(troubles, now);
  }

  /**
   * Those of which this answer says nothing, and that were there a moment ago. Where each instance answers for itself in
   * its turn, what one of them has said holds until it says something else.
   *
   * @param {Instance[]} instances @param {number} now
   */
  #unheard(instances, now) {
    const heard = new Set(instances.filter(({ status }) => status !== "silent").map(({ id }) => id));
    const holds = (/** @type {number} */ at) => now - at < MENDING || now < this.#apartUntil;
    const others = [...this.#seen.values()].filter(({ instance, at, silent }) => !silent && !heard.has(instance.id) && holds(at));
    return others.map(({ instance }) => instance).filter(({ status }) => status !== "draining");
  }

  /** Nobody has answered. @param {unknown} problem @param {number} now */
  failed(problem, now) {
    const status = problem instanceof Problem ? problem.status : 0;
    const text = status ? `The service answers ${status}` : "The service cannot be reached";
    const hint = "This page tries again every second. Clients reconnect by themselves as soon as an instance answers.";
    const others = this.troubles.filter(({ key }) => key !== "unreachable");
    for (const seen of this.#seen.values()) seen.stale = !seen.silent;
    this.#now([{ key: "unreachable", text, hint, light: 0 }, ...others], now);
  }

  /** The operator knows that this instance is not coming back. @param {string} id @param {number} now */
  forget(id, now) {
    this.#forgotten.add(id);
    this.#seen.delete(id);
    this.#now(this.troubles.filter(({ key }) => key !== `gone ${id}`), now);
  }

  /** @param {Instance} instance @param {number} now @param {boolean} apart */
  #isThere(instance, now, apart) {
    const before = this.#seen.get(instance.id);
    const silent = instance.status === "silent";
    if (silent && this.#forgotten.has(instance.id)) return;
    if (!before && !silent && this.known) this.#happened(now, `Instance ${abbreviated(instance.id)} has joined`, "good");
    if (!silent) this.#seen.set(instance.id, { instance, at: now, listedAt: now, silent, stale: false });
    else if (before) Object.assign(before, { listedAt: now, silent: !apart || before.silent });
    else this.#seen.set(instance.id, { instance, at: Date.parse(instance.lastHeard ?? "") || now, listedAt: now, silent, stale: false });
  }

  /**
   * Those that said that they end, or have been silent for so long that nobody expects them. An instance that has just
   * started may answer before it has heard of the others.
   *
   * @param {number} now
   */
  #letGo(now) {
    for (const [id, { listedAt, silent }] of this.#seen) {
      if (now - listedAt < MENDING) continue;
      this.#seen.delete(id);
      if (!silent) this.#happened(now, `Instance ${abbreviated(id)} has ended in order`, "plain");
    }
  }

  /** Where an instance has started since another one went silent, it has taken its place. */
  #forgetReplaced() {
    const joined = [...this.#seen.values()].filter(({ silent }) => !silent);
    // Who went silent last can be replaced by the fewest.
    for (const [id, { at, silent }] of [...this.#seen].sort(([, a], [, b]) => b.at - a.at)) {
      const heir = silent ? joined.findIndex(({ instance }) => Date.parse(instance.since ?? "") > at) : -1;
      if (heir < 0) continue;
      joined.splice(heir, 1);
      this.#seen.delete(id);
      this.#forgotten.add(id);
    }
  }

  /** What has looked like instances that do not answer is Redis. @param {number} now */
  #takeBack(now) {
    const isMistaken = (/** @type {string} */ key, /** @type {number} */ at) => key.startsWith("gone ") && now - at < 2 * MENDING;
    this.happenings = this.happenings.filter(({ about, at }) => !isMistaken(about, at));
    for (const [key, { since }] of this.#troubles) {
      if (!isMistaken(key, since)) continue;
      this.#troubles.delete(key);
      const seen = this.#seen.get(key.slice(5));
      if (seen) seen.silent = false;
    }
  }

  /** @param {Trouble[]} troubles @param {number} now */
  #now(troubles, now) {
    const current = new Map(troubles.map((trouble) => [trouble.key, trouble]));
    for (const [key, { text, since }] of this.#troubles) {
      if (current.has(key)) continue;
      this.#troubles.delete(key);
      const lasted = counted(Math.max(1, Math.round((now - since) / 1000)), "second");
      this.#happened(now, `Over after ${lasted}: ${text}`, "good", key);
    }
    for (const [key, trouble] of current) {
      const since = this.#troubles.get(key)?.since ?? this.#wasNotOver(key, now);
      this.#troubles.set(key, { ...trouble, since: since ?? now });
      if (since === undefined) this.#happened(now, trouble.text, "bad", key);
    }
  }

  /**
   * Since when there is a trouble that has come back at once, as when instances find out about it at different times: it
   * was not over. Undefined: it is a new one.
   *
   * @param {string} key @param {number} now
   */
  #wasNotOver(key, now) {
    const about = this.happenings.filter((happening) => happening.about === key);
    const [over, began] = about;
    if (!began || over?.level !== "good" || now - over.at >= MENDING) return undefined;
    this.happenings = this.happenings.filter((happening) => happening !== over);
    return began.at;
  }

  /** @param {number} at @param {string} text @param {Happening["level"]} level @param {string} [about] */
  #happened(at, text, level, about = "") {
    this.happenings = [{ at, text, level, about }, ...this.happenings].slice(0, KEPT);
  }
}

/** @param {Instance} instance @returns {Trouble} */
function gone({ id, sockets }) {
  const clients = "clients reconnect to the other instances by themselves";
  const hint = sockets ? `It had ${counted(sockets, "socket")}: their ${clients}.` : `Its ${clients}.`;
  return { key: `gone ${id}`, text: `Instance ${abbreviated(id)} does not answer`, hint, light: 0.35 };
}

/** @param {Instance} instance @returns {Trouble[]} */
function troublesOf({ id, status, problems }) {
  const name = `Instance ${abbreviated(id)}`;
  if (status === "silent") return [];
  if (status === "draining") {
    return [{ key: `draining ${id}`, text: `${name} is stopping`, hint: "Its clients move to the other instances.", light: 0.7 }];
  }
  return problems.filter((problem) => !OTHERS.test(problem)).map((problem) => {
    const [part] = problem.split(":");
    if (DEAF.test(problem)) {
      const hint = "Nothing is lost: instances read from the database what they do not hear, which takes seconds.";
      return { key: "redis", text: "Redis is away", hint, light: 0.35 };
    }
    if (part === "database") {
      const hint = `${problem}. Requests are answered 503 until it is back.`;
      return { key: "database", text: "The database is away", hint, light: 0 };
    }
    const [, queue, why] = QUEUE.exec(problem) ?? [];
    if (queue) {
      const hint = `${why}. What is published meanwhile waits in the broker.`;
      return { key: `queue ${queue} ${id}`, text: `${name} takes nothing from the queue ${queue}`, hint, light: 0.6 };
    }
    const hint = part === "redis" ? "It reads from the database what did not come through Redis." : "";
    return { key: `${part} ${id}`, text: `${name}: ${problem}`, hint, light: part === "redis" ? 0.6 : 0.35 };
  });
}
