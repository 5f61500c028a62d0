/** The figures of the last minutes: what they are made of, and a small chart of each. */

import { h, setText } from "./dom.js";
import { Chart } from "./chart.js";
import { brief, duration } from "./words.js";

/** @import { Instance, InstanceFigures, Sample } from "./types.d.ts" */

const SLOTS = 200;
const SPAN = 300_000; // milliseconds that they fill
/** @type {Sample} */
const UNKNOWN = { sockets: null, created: null, sent: null, received: null, p50: null, p99: null, lag: null };

/**
 * @typedef {object} Kind
 * @property {string} title
 * @property {[keyof Sample, string][]} series what each line shows, and its name; the first is the large number
 * @property {(value: number) => string} write
 */

/** @type {Kind[]} */
const KINDS = [
  { title: "Sockets", series: [["sockets", "open"]], write: brief },
  { title: "Notifications a second", series: [["created", "created"], ["sent", "sent"], ["received", "received"]], write: brief },
  { title: "Created until received", series: [["p50", "median"], ["p99", "99th percentile"]], write: duration },
  { title: "Event loop lag", series: [["lag", "busiest instance"]], write: duration },
];

export class Figures {
  /** @type {Sample[]} */
  #samples = [];
  #tiles = KINDS.map((kind) => new Tile(kind));

  get elements() {
    return this.#tiles.map(({ element }) => element);
  }

  /** @param {Instance[]} instances those that answered: none, if nobody did */
  add(instances) {
    this.#samples = [...this.#samples, sampleOf(instances)].slice(-SLOTS);
  }

  draw() {
    for (const tile of this.#tiles) tile.draw(this.#samples);
  }
}

/**
 * Of rates the sum, of times those of the slowest instance: from quantiles of each nobody can tell those of all.
 *
 * @param {Instance[]} instances
 * @returns {Sample}
 */
function sampleOf(instances) {
  const answered = instances.filter(({ figures }) => figures);
  if (!answered.length) return UNKNOWN;
  const each = (/** @type {keyof InstanceFigures} */ name) => answered.map(({ figures }) => figures?.[name] ?? null).filter((value) => value !== null);
  const sum = (/** @type {number[]} */ values) => values.reduce((total, value) => total + value, 0);
  const slowest = (/** @type {number[]} */ values) => (values.length ? Math.max(...values) * 1000 : null);
  return {
    sockets: sum(answered.map(({ sockets }) => sockets ?? 0)),
    created: sum(each("createdPerSecond")),
    sent: sum(each("sentPerSecond")),
    received: sum(each("receivedPerSecond")),
    p50: slowest(each("latencyP50")),
    p99: slowest(each("latencyP99")),
    lag: slowest(each("loopLag")),
  };
}

class Tile {
  #kind;
  #chart;
  #value = h("strong", { class: "value" });
  #range = h("span", {});
  /** @type {HTMLElement[]} */
  #keys;

  /** @param {Kind} kind */
  constructor(kind) {
    this.#kind = kind;
    this.#chart = new Chart(kind.series.length);
    this.#keys = kind.series.slice(1).map(() => h("strong"));
    const first = h("span", { class: "key key-1" }, kind.series[0][1]);
    const others = this.#keys.map((value, index) => h("span", { class: `key key-${index + 2}` }, `${kind.series[index + 1][1]} `, value));
    this.element = h("section", { class: "panel tile", "aria-label": kind.title },
      h("h3", {}, kind.title),
      h("p", {}, this.#value),
      h("p", { class: "others" }, first, ...others, this.#range),
      this.#chart.element,
    );
  }

  /** @param {Sample[]} samples */
  draw(samples) {
    const { series, write } = this.#kind;
    const values = series.map(([name]) => samples.map((sample) => sample[name]));
    if (samples.length) this.#chart.draw(values);
    const [now, ...others] = values.map((each) => each.at(-1) ?? null);
    setText(this.#value, now === null ? "–" : write(now));
    others.forEach((value, index) => setText(this.#keys[index], value === null ? "–" : write(value)));
    const known = values.flat().filter((value) => value !== null);
    setText(this.#range, known.length ? `highest ${write(Math.max(...known))} in ${duration(Math.max(samples.length, 2) * (SPAN / SLOTS))}` : "");
  }
}
