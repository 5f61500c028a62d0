/** What an application's back end sends, as a form: to some users, to everybody, or to who follows a topic. */

import { Announced } from "./announced.js";
import { copies } from "./copy.js";
import { curl } from "./curl.js";
import { $, clone } from "./dom.js";
import { fetchDemo } from "./rest.js";
import { ANNOUNCEMENT, EVERYBODY, FOLLOWERS, SAMPLES, TIDINGS, TOPIC } from "./samples.js";
import { Scheduled } from "./scheduled.js";
import { serverTime } from "./server-clock.js";

const FIELDS = ["title", "message", "type", "link"];
const GROUPS = { [EVERYBODY]: ANNOUNCEMENT, [FOLLOWERS]: TIDINGS }; // what is announced to each

// Milliseconds
const LATER = 10_000;
const EXPIRES = 30_000;

/** So many milliseconds from now. */
const fromNow = (milliseconds) => new Date(serverTime() + milliseconds).toISOString();

export class Composer {
  #backEnd;
  #users;
  #on = [];
  #sent;
  #announced;
  #scheduled;
  #form = $("compose");
  #sample = SAMPLES[0];
  #chose = false; // whether the reader said to whom
  #next = 0;
  #sending = false;

  /** `sent(items, draft)`: what the server has saved: `{id, userId}`, for an announcement to everybody without `userId`. */
  constructor(backEnd, users, sent) {
    this.#backEnd = backEnd;
    this.#users = users;
    this.#sent = sent;
    const after = { say: (text) => this.say(text), leave: () => this.#button.focus() };
    this.#announced = new Announced(backEnd, after);
    this.#scheduled = new Scheduled(backEnd, after);
    this.#scheduled.load().catch(() => {}); // the server is away: what is scheduled from here is shown all the same
    for (const { id, name } of [...users, { id: EVERYBODY, name: "Everybody" }, { id: FOLLOWERS, name: "Who follows the tides" }]) {
      const choice = clone("choice");
      choice.querySelector("input").value = id;
      choice.querySelector("span").textContent = name;
      $("recipients").append(choice);
    }
    $("recipients").addEventListener("change", ({ target }) => this.#chosen(target));
    this.#fill(SAMPLES[0]);
    this.#form.addEventListener("input", () => this.#showRequest());
    for (const id of ["fields", "how"]) $(id).open = matchMedia("(min-width: 44rem)").matches; // elsewhere it would push the button away
    copies($("copy-curl"), async () => this.#curl((await fetchDemo()).adminToken));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** The ids of the users chosen; of a group, all. */
  get recipients() {
    return this.#group ? this.#users.map(({ id }) => id) : this.#to;
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

  /** Which group it is announced to, if it is. */
  get #group() {
    return this.#to.find((value) => value in GROUPS);
  }

  /** To a group it is an announcement: either that, or some users. Each has samples of its own. */
  #chosen({ value, checked }) {
    this.#chose = true;
    for (const box of this.#boxes) if (checked && box.value !== value && (value in GROUPS || box.value in GROUPS)) box.checked = false;
    const next = GROUPS[this.#group] ?? SAMPLES[this.#next];
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
    const draft = { ...Object.fromEntries(entries), ...this.#options };
    if (!this.#group) return { path: "/v1/admin/notifications", body: { userIds: this.#to, ...draft } };
    const topic = this.#group === FOLLOWERS ? { topic: TOPIC } : {};
    return { path: "/v1/admin/announcements", body: { ...draft, ...topic } };
  }

  /** When and how it is sent: times count from now. */
  get #options() {
    const { later, expires, collapse, acknowledge } = this.#form.elements;
    const at = later.checked ? LATER : 0;
    return {
      ...(later.checked && { sendAt: fromNow(at) }),
      ...(expires.checked && { expiresAt: fromNow(at + EXPIRES) }),
      ...(!this.#group && collapse.checked && { collapseKey: "demo" }),
      ...(this.#group && acknowledge.checked && { requireAck: true }),
    };
  }

  #showRequest() {
    const { title, message } = this.#form.elements;
    const options = [...$("how").querySelectorAll("label")];
    for (const option of options) option.hidden = Boolean(option.dataset.for) && option.dataset.for !== (this.#group ? "group" : "users");
    const chosen = options.filter((option) => !option.hidden && option.querySelector(":checked"));
    $("draft").textContent = title.value || message.value || "Message";
    $("chosen").textContent = chosen.map(({ textContent }) => textContent.trim()).join(", ");
    $("request-text").textContent = this.#curl("eyJ…");
  }

  #curl(token) {
    return curl({ ...this.#request, token });
  }

  async #send() {
    const { path, body } = this.#request;
    const to = this.#to;
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    if (!to.length) throw new Error("Choose at least one recipient.");
    const answer = await this.#backEnd.post(path, body, () => this.#waits());
    const { notifications, scheduled } = answer;
    if (scheduled) this.#scheduled.add(scheduled, body.title ?? body.message);
    else if (!notifications) this.#announced.add(answer);
    if (!scheduled && !body.topic) this.#sent(notifications ?? [answer], body); // who follows a topic is not known here
    this.say(scheduled ? "202 Accepted: it will be sent in 10 seconds." : notifications ? this.#savedFor(to) : this.#announcedTo(body));
    if (this.#isSample) this.#fillNext();
  }

  #announcedTo({ topic }) {
    return topic ? "201 Created: announced to everybody who follows the tides." : "201 Created: announced to everybody.";
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
    if (Object.values(GROUPS).includes(this.#sample)) return; // the only one to that group
    this.#next = (this.#next + 1) % SAMPLES.length;
    this.#fill(SAMPLES[this.#next]);
  }
}
