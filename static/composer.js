/** What an application's back end does, as a form: send to some users, announce to everybody, retract. */

import { $, attempt, clone, partsOf } from "./dom.js";
import { fetchDemo, Identity } from "./rest.js";

const SAMPLES = [
  { to: ["alice"], title: "Bob commented on your photo", message: "“That green light is the pier, is it not?”", type: "NEW_COMMENT", link: "https://example.com/posts/1#comment-9" },
  { to: ["bob"], title: "Alice answered you", message: "“It is! Row over before the tide turns.”", type: "NEW_COMMENT", link: "https://example.com/posts/1#comment-10" },
  { to: ["alice", "bob"], title: "Low tide at 19:42", message: "The path to the island is open for two hours.", type: "REMINDER", link: "" },
  { to: ["alice", "bob"], title: "Your report is ready", message: "October closed 4 % above September.", type: "REPORT", link: "" },
];
const EVERYBODY = "*";
const ANNOUNCEMENT = { to: [EVERYBODY], title: "Maintenance at noon", message: "The harbour is closed for five minutes.", type: "SYSTEM", link: "" };
const FIELDS = ["title", "message", "type", "link"];
const ANNOUNCEMENTS = 3; // that can be retracted here

export class Composer {
  #users;
  #sent;
  #form = $("compose");
  #admin = new Identity(async () => (await fetchDemo()).adminToken);
  #sample = SAMPLES[0];
  #next = 0;

  /** `sent(items, draft)`: what the server has saved: `{id, userId}`, for an announcement without `userId`. */
  constructor(users, sent) {
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
    $("request").open = matchMedia("(min-width: 78rem)").matches; // elsewhere it would push the devices away
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  get #boxes() {
    return [...$("recipients").querySelectorAll("input")];
  }

  get #to() {
    return this.#boxes.filter(({ checked }) => checked).map(({ value }) => value);
  }

  /** Everybody is an announcement: either that, or some users. Each has samples of its own. */
  #chosen({ value, checked }) {
    const toEverybody = checked && value === EVERYBODY;
    for (const box of this.#boxes) if (checked && (box.value === EVERYBODY) !== toEverybody) box.checked = false;
    const next = toEverybody ? ANNOUNCEMENT : this.#sample === ANNOUNCEMENT ? SAMPLES[this.#next] : this.#sample;
    if (next !== this.#sample && this.#isSample) this.#fill(next, this.#to);
  }

  /** Whether the reader has left the sample as it was. */
  get #isSample() {
    return FIELDS.every((name) => this.#form.elements[name].value === this.#sample[name]);
  }

  #fill(sample, to = sample.to) {
    this.#sample = sample;
    for (const name of FIELDS) this.#form.elements[name].value = sample[name];
    for (const box of this.#boxes) box.checked = to.includes(box.value);
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
    const { path, body } = this.#request;
    const fields = Object.entries(body).map(([name, value]) => `\n  "${name}": ${JSON.stringify(value)}`);
    $("request-text").textContent = `POST ${path}\n{${fields}\n}`;
  }

  async #submit() {
    const { path, body } = this.#request;
    const to = this.#to;
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    try {
      if (!to.length) throw new Error("Choose at least one recipient.");
      const answer = await this.#admin.call("POST", path, body);
      this.#sent(answer.notifications ?? [answer], body);
      const names = this.#users.filter(({ id }) => to.includes(id)).map(({ name }) => name);
      this.#say(answer.notifications ? `201 Created: saved for ${names.join(" and ")}.` : "201 Created: announced to everybody.");
      if (!answer.notifications) this.#offerToRetract(answer.id, body.title ?? body.message);
      if (this.#isSample) this.#fillNext(to);
    } catch (problem) {
      this.#say(problem.message, true);
      const wrong = problem.errors?.map(({ field }) => this.#form.elements[field]).filter((field) => field?.focus) ?? [];
      for (const field of wrong) field.setAttribute("aria-invalid", true);
      wrong[0]?.closest("details")?.setAttribute("open", "");
      wrong[0]?.focus();
    }
  }

  /** The next sample, to whom it is meant for, unless the reader chose others. */
  #fillNext(to) {
    const chosen = this.#sample !== ANNOUNCEMENT && to.join() !== this.#sample.to.join();
    if (this.#sample !== ANNOUNCEMENT) this.#next = (this.#next + 1) % SAMPLES.length;
    this.#fill(SAMPLES[this.#next], chosen ? to : undefined);
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
    await this.#admin.call("DELETE", `/v1/admin/announcements/${id}`);
    const next = entry.nextElementSibling ?? entry.previousElementSibling;
    entry.remove();
    (next?.querySelector("button") ?? $("compose").querySelector(".primary")).focus();
    this.#say("204 No Content: retracted, and removed from every screen.");
  }

  #say(text, wrong = false) {
    $("sent").textContent = text;
    $("sent").classList.toggle("wrong", wrong);
  }
}
