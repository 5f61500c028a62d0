/** What an application's back end sends, as a form: to some users, or to everybody. */

import { $, attempt, clone, partsOf } from "./dom.js";
import { copies } from "./copy.js";
import { fetchDemo } from "./rest.js";
import { ANNOUNCEMENT, EVERYBODY, SAMPLES } from "./samples.js";

const FIELDS = ["title", "message", "type", "link"];
const ANNOUNCEMENTS = 3; // that can be retracted here

/** As JSON, a line for each field. */
const written = (body) => `{${Object.entries(body).map(([name, value]) => `\n    "${name}": ${JSON.stringify(value)}`)}\n  }`;

export class Composer {
  #backEnd;
  #users;
  #on = [];
  #sent;
  #form = $("compose");
  #sample = SAMPLES[0];
  #chose = false; // whether the reader said to whom
  #next = 0;
  #sending = false;

  /** `sent(items, draft)`: what the server has saved: `{id, userId}`, for an announcement without `userId`. */
  constructor(backEnd, users, sent) {
    this.#backEnd = backEnd;
    this.#users = users;
    this.#sent = sent;
    for (const { id, name } of [...users, { id: EVERYBODY, name: "Everybody" }]) {
      const choice = clone("choice");
      choice.querySelector("input").value = id;
      choice.querySelector("span").textContent = name;
      $("recipients").append(choice);
    }
    $("recipients").addEventListener("change", ({ target }) => this.#chosen(target));
    this.#fill(SAMPLES[0]);
    this.#form.addEventListener("input", () => this.#showRequest());
    $("fields").open = matchMedia("(min-width: 44rem)").matches; // elsewhere it would push the button away
    copies($("copy-curl"), async () => this.#curl((await fetchDemo()).adminToken));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** The ids of the users chosen; of everybody, all. */
  get recipients() {
    return this.#to.includes(EVERYBODY) ? this.#users.map(({ id }) => id) : this.#to;
  }

  /**
   * Who has a device that is seen, and who has one at all. Who sends wants to see it arrive: it is to one of the
   * former, unless the reader has said to whom, or written something else.
   */
  showFor(seen, on) {
    this.#on = on;
    if (this.#chose || !this.#isSample || !seen.length || this.#to.some((id) => seen.includes(id))) return;
    for (const box of this.#boxes) box.checked = box.value === seen[0];
    this.#showRequest();
  }

  /** Send what the form says. While that is tried again, the button is off, and it is said why. */
  async send() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      await this.#send();
    } catch (problem) {
      this.#showProblem(problem);
    } finally {
      this.#sending = false;
      this.#button.ariaDisabled = "false";
    }
  }

  /** Say what has become of what was sent. */
  say(text, wrong = false) {
    $("sent").textContent = text;
    $("sent").classList.toggle("wrong", wrong);
  }

  get #button() {
    return this.#form.querySelector(".primary");
  }

  get #boxes() {
    return [...$("recipients").querySelectorAll("input")];
  }

  get #to() {
    return this.#boxes.filter(({ checked }) => checked).map(({ value }) => value);
  }

  /** Everybody is an announcement: either that, or some users. Each has samples of its own. */
  #chosen({ value, checked }) {
    this.#chose = true;
    const toEverybody = checked && value === EVERYBODY;
    for (const box of this.#boxes) if (checked && (box.value === EVERYBODY) !== toEverybody) box.checked = false;
    const next = toEverybody ? ANNOUNCEMENT : this.#sample === ANNOUNCEMENT ? SAMPLES[this.#next] : this.#sample;
    if (next !== this.#sample && this.#isSample) this.#fill(next);
    this.#showRequest();
  }

  /** Whether the reader has left the sample as it was. */
  get #isSample() {
    return FIELDS.every((name) => this.#form.elements[name].value === this.#sample[name]);
  }

  #fill(sample) {
    this.#sample = sample;
    for (const name of FIELDS) this.#form.elements[name].value = sample[name];
    this.#showRequest();
  }

  /** What is asked of the server: `{path, body}`. */
  get #request() {
    const entries = FIELDS.map((name) => [name, this.#form.elements[name].value]).filter(([, value]) => value.trim());
    const draft = Object.fromEntries(entries);
    if (this.#to.includes(EVERYBODY)) return { path: "/v1/admin/announcements", body: draft };
    return { path: "/v1/admin/notifications", body: { userIds: this.#to, ...draft } };
  }

  #showRequest() {
    const { title, message } = this.#form.elements;
    $("draft").textContent = title.value || message.value || "Message";
    $("request-text").textContent = this.#curl("eyJ…");
  }

  #curl(token) {
    const { path, body } = this.#request;
    return [
      `curl -X POST ${location.origin}${path}`,
      `-H 'Authorization: Bearer ${token}'`,
      "-H 'Content-Type: application/json'",
      `-d '${written(body).replaceAll("'", "'\\''")}'`,
    ].join(" \\\n  ");
  }

  async #send() {
    const { path, body } = this.#request;
    const to = this.#to;
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    if (!to.length) throw new Error("Choose at least one recipient.");
    const answer = await this.#backEnd.post(path, body, () => this.#waits());
    this.#sent(answer.notifications ?? [answer], body);
    this.say(answer.notifications ? this.#savedFor(to) : "201 Created: announced to everybody.");
    if (!answer.notifications) this.#offerToRetract(answer.id, body.title ?? body.message);
    if (this.#isSample) this.#fillNext();
  }

  #waits() {
    this.#button.ariaDisabled = "true";
    this.say("The server cannot be reached. Trying again … The next can be sent after that.", true);
  }

  #savedFor(to) {
    const names = (ids) => this.#users.filter(({ id }) => ids.includes(id)).map(({ name }) => name).join(" and ");
    const unseen = to.filter((id) => !this.#on.includes(id));
    const waits = unseen.length ? ` No device of ${names(unseen)} is on this page: switch one on, and it gets it.` : "";
    return `201 Created: saved for ${names(to)}.${waits}`;
  }

  #showProblem(problem) {
    this.say(problem.message, true);
    const wrong = problem.errors?.map(({ field }) => this.#form.elements[field]).filter((field) => field?.focus) ?? [];
    for (const field of wrong) field.setAttribute("aria-invalid", true);
    for (let around = wrong[0]?.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
    wrong[0]?.focus();
  }

  #fillNext() {
    if (this.#sample === ANNOUNCEMENT) return; // the only one to everybody
    this.#next = (this.#next + 1) % SAMPLES.length;
    this.#fill(SAMPLES[this.#next]);
  }

  #offerToRetract(id, title) {
    const entry = clone("announcement");
    const button = entry.querySelector("button");
    partsOf(entry)("title").textContent = title;
    button.setAttribute("aria-label", `Retract: ${title}`);
    button.addEventListener("click", () => attempt(() => this.#retract(id, entry)));
    $("announced").prepend(entry);
    while ($("announced").childElementCount > ANNOUNCEMENTS) $("announced").lastElementChild.remove();
  }

  async #retract(id, entry) {
    await this.#backEnd.retract(id);
    const next = entry.nextElementSibling ?? entry.previousElementSibling;
    entry.remove();
    (next?.querySelector("button") ?? this.#button).focus();
    this.say("204 No Content: retracted, and removed from every screen.");
  }
}
