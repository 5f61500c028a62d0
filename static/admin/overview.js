/** How the service is: in the sky, in figures, by instance, and what has happened. */

import { button, h, setText } from "./dom.js";
import { grouped } from "./grouped.js";
import { $, say } from "./page.js";
import { abbreviated, counted, duration, number, timeOfDay, zoned } from "./words.js";

/** @import { Health, Seen } from "./health.js" */
/** @import { Figures } from "./figures.js" */
/** @import { Warning } from "./types.d.ts" */

const LINES = 60; // of warnings and changes

export class Overview {
  #health;
  #figures;
  #forget;
  #said = "";
  /** @type {Map<string, HTMLElement>} */
  #cards = new Map();
  #drawn = "";
  /** What instances have logged, newest first. @type {Warning[]} */
  warnings = [];

  /** @param {Health} health @param {Figures} figures @param {(id: string) => void} forget */
  constructor(health, figures, forget) {
    this.#health = health;
    this.#figures = figures;
    this.#forget = forget;
    $("charts").replaceChildren(...figures.elements);
    $("instances").replaceChildren();
    $("happenings").replaceChildren();
  }

  draw() {
    this.#drawState();
    this.#drawTroubles();
    this.#drawInstances();
    this.#drawHappenings();
    this.#figures.draw();
  }

  #drawState() {
    const { troubles, instances, known } = this.#health;
    const [worst] = troubles;
    const headline = worst ? worst.text : known ? "All is well" : "Looking …";
    setText($("headline"), headline);
    setText($("subline"), known ? summary(instances) : "");
    document.body.style.setProperty("--daylight", String(worst ? worst.light : known ? 1 : 0.5));
    $("state").dataset.state = worst ? "bad" : known ? "good" : "";
    const said = troubles.length ? troubles.map(({ text }) => text).join(". ") : known ? "All is well." : "";
    if (said !== this.#said && (this.#said || troubles.length)) say(said);
    this.#said = said;
  }

  /** All that is wrong, but as long as it lasts: what is in the sky is only the worst of it. */
  #drawTroubles() {
    const { troubles } = this.#health;
    const list = $("troubles");
    list.hidden = !troubles.length;
    const now = Date.now();
    const rows = troubles.map(({ key, text, hint, since }, index) => {
      const lasted = `since ${timeOfDay(since)}, ${duration(Math.max(1000, Math.round((now - since) / 1000) * 1000))}`;
      return { key, since, parts: index ? [text, lasted, hint] : ["", `S${lasted.slice(1)}`, hint] }; // the headline is the first's text
    });
    const keys = rows.map(({ key }) => key).join();
    if (list.dataset.keys !== keys) {
      list.dataset.keys = keys;
      list.replaceChildren(...rows.map(({ key, parts, since }) => this.#troubleRow(key, parts, since)));
    }
    rows.forEach(({ parts }, index) => {
      const shown = list.children[index].querySelectorAll("[data-part]");
      parts.forEach((part, at) => setText(shown[at], part));
    });
  }

  /** @param {string} key @param {string[]} parts @param {number} since */
  #troubleRow(key, [text, lasted, hint], since) {
    const about = h("p", {}, h("strong", { "data-part": "text" }, text), " ", h("span", { "data-part": "since", title: zoned(since) }, lasted), h("span", { class: "hint", "data-part": "hint" }, hint));
    const gone = /^gone (.*)$/.exec(key)?.[1];
    const forget = gone && button({ class: "quiet small", "aria-label": `Instance ${abbreviated(gone)} is not expected back`, onclick: () => this.#forget(gone) }, "Not expected back");
    return h("li", { class: "notice" }, about, ...(forget ? [forget] : []));
  }

  #drawInstances() {
    const { instances } = this.#health;
    const ids = instances.map(({ instance }) => instance.id);
    if (ids.join() !== [...this.#cards.keys()].join()) {
      this.#cards = new Map(ids.map((id) => [id, this.#cards.get(id) ?? card(id)]));
      $("instances").replaceChildren(...this.#cards.values());
    }
    for (const seen of instances) fillCard(/** @type {HTMLElement} */ (this.#cards.get(seen.instance.id)), seen);
  }

  #drawHappenings() {
    const changes = this.#health.happenings.map((each) => ({ ...each, of: [] }));
    const lines = [...grouped(this.warnings), ...changes].sort((a, b) => b.at - a.at).slice(0, LINES);
    const current = JSON.stringify(lines);
    if (current === this.#drawn) return;
    this.#drawn = current;
    const rows = lines.map(({ at, level, text, of }) =>
      h("li", { class: level },
        h("time", { datetime: new Date(at).toISOString(), title: zoned(at) }, timeOfDay(at)),
        h("span", {}, text, ...by(of))));
    $("happenings").replaceChildren(...(rows.length ? rows : [h("li", { class: "nothing" }, "No warnings, and nothing has changed since this page was opened.")]));
  }
}

/** Whose words these are. @param {string[]} instances */
function by(instances) {
  if (!instances.length) return [];
  const names = instances.map(abbreviated).sort();
  return [" ", names.length > 1 ? h("span", { class: "about", title: names.join(", ") }, counted(names.length, "instance")) : h("code", { title: instances[0] }, names[0])];
}

/** How many there are, and of how many nothing is known. @param {Seen[]} instances */
function summary(instances) {
  const there = instances.filter(({ silent, stale }) => !silent && !stale);
  const unknown = instances.filter(({ stale }) => stale).length;
  if (!there.length && unknown) return `Nothing is known of ${counted(unknown, "instance")}`;
  const sockets = there.reduce((sum, { instance }) => sum + (instance.sockets ?? 0), 0);
  const known = `${counted(there.length, "instance")} · ${counted(sockets, "socket")}`;
  return unknown ? `${known} · nothing is known of ${counted(unknown, "other instance")}` : known;
}

/** @param {string} id */
function card(id) {
  return h("li", { class: "instance", "data-instance": id },
    h("p", { class: "name" }, h("span", { class: "lamp", "aria-hidden": "true" }), h("code", { title: id }, abbreviated(id)), h("span", { "data-part": "host" }), h("span", { "data-part": "status" })),
    h("p", { class: "sockets" }, h("strong", { "data-part": "sockets" }), " ", h("span", { "data-part": "unit" })),
    h("p", { class: "about", "data-part": "about" }),
    h("p", { class: "wrong", "data-part": "problems" }),
  );
}

/** @type {Record<string, string>} */
const STATES = { ready: "ready", draining: "stopping", degraded: "degraded", unavailable: "unavailable" };

/** @param {HTMLElement} element @param {Seen} seen */
function fillCard(element, { instance, silent, stale, at }) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`[data-part=${name}]`));
  const { status, problems, sockets, version, since, host } = instance;
  const isPast = silent || stale;
  element.dataset.state = silent ? "gone" : stale ? "unknown" : status;
  setText(part("host"), host ? `on ${host}` : "");
  const past = silent ? `no answer since ${timeOfDay(at)}` : STATES[status] ? `not known; ${STATES[status]} at ${timeOfDay(at)}` : "not known";
  setText(part("status"), isPast ? past : STATES[status]);
  part("status").title = isPast ? zoned(at) : "";
  setText(part("sockets"), sockets === undefined ? "–" : number(sockets));
  setText(part("unit"), `${sockets === 1 ? "socket" : "sockets"}${isPast ? " when it last answered" : ""}`);
  const about = [...(version ? [`version ${version}`] : []), ...(since && !isPast ? [`up ${duration(Date.now() - Date.parse(since))}`] : [])];
  setText(part("about"), about.join(" · "));
  part("about").title = since ? `since ${zoned(since)}` : "";
  setText(part("problems"), problems.join(" · "));
  part("problems").hidden = isPast || !problems.length;
}
