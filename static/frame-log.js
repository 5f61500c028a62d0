/** The log of frames: what went over each device's connection, in both directions. */

import { $, clone, drawSoon, partsOf } from "./dom.js";
import { clock, serverTime } from "./server-clock.js";

const KEPT = 300;
const SUMMARY_MAX = 120;
const DETAIL_MAX = 1000;

export class FrameLog {
  #waiting = []; // not on the page yet
  #paused = false;
  #draw = drawSoon(() => this.#append());

  constructor() {
    $("pause").addEventListener("click", () => this.#pause(!this.#paused));
    $("whole").addEventListener("click", () => {
      $("whole").ariaPressed = String($("entries").classList.toggle("whole"));
    });
    $("frames-of").addEventListener("change", () => this.#filter());
  }

  /** Offer to show this device's frames alone. */
  addDevice({ id, name }) {
    if ([...$("frames-of").options].some(({ value }) => value === id)) return;
    $("frames-of").add(new Option(name, id));
  }

  add(device, frame) {
    this.#waiting.push({ device, ...frame });
    if (this.#waiting.length > KEPT) this.#waiting.shift();
    this.#draw();
  }

  #pause(paused) {
    this.#paused = paused;
    $("pause").ariaPressed = String(paused);
    this.#draw();
  }

  #append() {
    $("pause").textContent = this.#paused ? `Resume (${this.#waiting.length})` : "Pause";
    if (this.#paused) return;
    const box = $("log");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40; // who scrolled back is reading
    $("entries").append(...this.#waiting.splice(0).map(row));
    while ($("entries").childElementCount > KEPT) $("entries").firstElementChild.remove();
    this.#filter();
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  #filter() {
    const wanted = $("frames-of").value;
    for (const entry of $("entries").children) entry.hidden = Boolean(wanted) && entry.dataset.device !== wanted;
  }
}

function row({ device, at, incoming, lost, name, detail, summary }) {
  const entry = clone("entry");
  const part = partsOf(entry);
  entry.dataset.device = device.id;
  entry.dataset.user = device.user.id;
  entry.dataset.name = name;
  entry.classList.toggle("lost", lost);
  const time = entry.querySelector("time");
  time.dateTime = new Date(at).toISOString();
  time.textContent = clock(serverTime(at));
  part("device").textContent = device.name;
  part("direction").textContent = incoming ? "↓" : "↑";
  part("direction").title = incoming ? "from the server" : "to the server";
  part("name").textContent = lost ? `${name} · lost` : name;
  part("summary").textContent = summary ?? detail.slice(0, SUMMARY_MAX);
  part("detail").textContent = detail.length > DETAIL_MAX ? `${detail.slice(0, DETAIL_MAX)} …` : detail;
  return entry;
}
