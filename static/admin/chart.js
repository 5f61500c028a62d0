/** Small charts: a line for each series over the last minutes, drawn as SVG. What they say is written beside them. */

const WIDTH = 240;
const HEIGHT = 56;
const TOP = 4;
const SVG = "http://www.w3.org/2000/svg";

/** @param {string} tag @param {Record<string, string | number>} attributes */
function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** The smallest of 1, 2, 5, 10, 20, … that is not less. @param {number} value */
export function ceiling(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

/**
 * The line through these values, from the oldest to the newest, as an SVG path; where one is missing it has a gap.
 *
 * @param {(number | null)[]} values
 * @param {number} most the value at the top
 * @param {number} slots how many values fill the width
 */
export function line(values, most, slots) {
  const step = WIDTH / (slots - 1);
  let path = "";
  let isDown = false;
  values.forEach((value, index) => {
    if (value === null) return void (isDown = false);
    const x = WIDTH - (values.length - 1 - index) * step;
    const y = HEIGHT - 1 - (Math.min(value, most) / most) * (HEIGHT - 1 - TOP);
    path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  });
  return path;
}

export class Chart {
  #lines;
  #area;
  /** The drawing, for the page. */
  element = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "chart", "aria-hidden": "true" });

  /** @param {number} series how many */
  constructor(series) {
    this.#area = shape("path", { class: "area" });
    this.#lines = Array.from({ length: series }, (_, index) => shape("path", { class: `line line-${index + 1}` }));
    this.element.append(shape("path", { class: "ground", d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }), this.#area, ...this.#lines);
  }

  /** @param {(number | null)[][]} series of values each, from the oldest to the newest */
  draw(series) {
    const slots = Math.max(series[0].length, 2); // all there are fill the width
    const most = ceiling(Math.max(...series.flat().map((value) => value ?? 0)));
    series.forEach((values, index) => this.#lines[index].setAttribute("d", line(values, most, slots)));
    const [first] = series;
    const isWhole = first.length > 1 && !first.includes(null);
    const from = WIDTH - (first.length - 1) * (WIDTH / (slots - 1));
    this.#area.setAttribute("d", isWhole ? `${line(first, most, slots)}V${HEIGHT - 1}H${from.toFixed(1)}Z` : "");
  }
}
