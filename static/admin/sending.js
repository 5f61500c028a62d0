/** Sending to users, announcing to everybody or to a topic, at once or later, and retracting. */

import { button, h } from "./dom.js";
import { call } from "./access.js";
import { retracted, titleOf } from "./items.js";
import { attempt, confirmed, form, inPath, itemLink, labelled, time, valueOf } from "./page.js";
import { counted, dateTime } from "./words.js";

/** @import { Item } from "./types.d.ts" */

const KEPT = 10; // of what was sent from this page

/** By audience: what is said of it, and which fields it has. @type {Record<string, { about: string, fields: string[] }>} */
const AUDIENCES = {
  users: { about: "", fields: ["to", "sendAt", "expiresAt", "collapseKey"] },
  everyone: { about: "An announcement: in every user’s list, also of those who connect later.", fields: ["sendAt", "expiresAt", "requireAck", "remindAfter"] },
  topic: { about: "An announcement: in the lists of who is subscribed, also of those who subscribe later.", fields: ["topic", "sendAt", "expiresAt", "requireAck", "remindAfter"] },
  connected: { about: "An announcement for those who are connected now. It is not stored.", fields: [] },
};
/** Those of the fields that only some have. */
const SOME = [...new Set(Object.values(AUDIENCES).flatMap(({ fields }) => fields))];

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class Sending {
  #root;
  #sent = h("ul", { class: "sent" });
  #nothing = h("p", { class: "nothing" }, "What is sent from this page is listed here, with its timeline.");
  #announcements = h("div", {});
  /** Of a draft: who repeats it after a lost answer does not send it twice. */
  #key = { draft: "", key: "" };

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {string} to a user, if that is known; "#tides": the topic "tides" */
  open(to) {
    if (!this.#root.childElementCount) this.#build();
    attempt(() => this.#loadAnnouncements());
    if (!to) return;
    const isTopic = to.startsWith("#");
    this.#field(isTopic ? "topic" : "to").value = isTopic ? to.slice(1) : to;
    const audience = isTopic ? "topic" : "users";
    for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (this.#root.querySelectorAll("[name=audience]"))) radio.checked = radio.value === audience;
    this.#showFor(audience);
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.#root.querySelector(`[name=${name}]`));
  }

  #build() {
    this.#sent.replaceChildren();
    this.#nothing.hidden = false;
    const choice = (/** @type {string} */ value, /** @type {string} */ text, checked = false) =>
      h("label", { class: "choice" }, h("input", { type: "radio", name: "audience", value, checked, onchange: () => this.#showFor(value) }), h("span", {}, text));
    const field = (/** @type {string} */ name, /** @type {string} */ text, /** @type {Record<string, string>} */ more = {}, hint = "") =>
      labelled(text, h("input", { id: `draft-${name}`, name, autocomplete: "off", ...more }), hint);
    this.#root.replaceChildren(
      h("h2", { id: "send-title", tabindex: "-1" }, "Send"),
      h("div", { class: "columns" },
        form({ class: "panel compose" }, (element) => this.#send(element),
          h("fieldset", {}, h("legend", {}, "To"), h("div", { class: "choices" }, choice("users", "Users", true), choice("everyone", "Everybody"), choice("topic", "A topic’s subscribers"), choice("connected", "Whoever is connected"))),
          field("to", "Users’ ids", { spellcheck: "false", dir: "auto" }, "Separated by commas."),
          field("topic", "Topic", { spellcheck: "false", dir: "auto" }),
          h("p", { class: "about", id: "draft-audience", hidden: true }),
          field("title", "Title", { dir: "auto" }),
          labelled("Message", h("textarea", { id: "draft-message", name: "message", rows: "3", dir: "auto" })),
          h("details", {}, h("summary", {}, "Type and link"), field("type", "Type", { placeholder: "SYSTEM", spellcheck: "false" }), field("link", "Link", { placeholder: "/… or https://…", spellcheck: "false" })),
          h("details", { id: "draft-how" }, h("summary", {}, "When and how"),
            field("sendAt", "Send at", { type: "datetime-local", step: "1" }, "Empty: now."),
            field("expiresAt", "Expires at", { type: "datetime-local", step: "1" }, "Then it leaves every list. Empty: never; an announcement after the days in the settings."),
            field("collapseKey", "Collapse key", { spellcheck: "false" }, "It replaces the user’s unread one with the same key."),
            h("div", { class: "labelled" }, h("label", { class: "tick" }, h("input", { type: "checkbox", name: "requireAck", id: "draft-requireAck" }), "Must be acknowledged")),
            field("remindAfter", "Remind after", { type: "number", min: "1" }, "Seconds, again and again, until it is acknowledged. Empty: never.")),
          h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Send")),
        ),
        h("div", { class: "stack" },
          h("section", { class: "panel", "aria-labelledby": "sent-title" }, h("h3", { id: "sent-title" }, "Sent from this page"), this.#nothing, this.#sent),
          h("section", { class: "panel", "aria-labelledby": "current-title" }, h("h3", { id: "current-title" }, "Current announcements"), this.#announcements),
        ),
      ),
    );
    this.#showFor("users");
  }

  /** @param {string} audience */
  #showFor(audience) {
    const { about, fields } = AUDIENCES[audience];
    const text = /** @type {HTMLElement} */ (this.#root.querySelector("#draft-audience"));
    text.hidden = !about;
    text.textContent = about;
    for (const name of SOME) /** @type {HTMLElement} */ (this.#field(name).closest(".labelled")).hidden = !fields.includes(name);
    /** @type {HTMLElement} */ (this.#root.querySelector("#draft-how")).hidden = !fields.length;
  }

  /** When and how, as the service wants it. @param {string} audience */
  #options(audience) {
    const { fields } = AUDIENCES[audience];
    const given = (/** @type {string} */ name) => fields.includes(name) && this.#field(name).value.trim();
    const at = (/** @type {string} */ name) => given(name) && { [name]: new Date(this.#field(name).value).toISOString() };
    return {
      ...at("sendAt"),
      ...at("expiresAt"),
      ...(given("collapseKey") && { collapseKey: this.#field("collapseKey").value.trim() }),
      ...(fields.includes("requireAck") && this.#field("requireAck").checked && { requireAck: true }),
      ...(given("remindAfter") && { remindAfter: Number(this.#field("remindAfter").value) }),
    };
  }

  /** @param {HTMLFormElement} element */
  async #send(element) {
    const audience = valueOf(element, "audience");
    const content = Object.fromEntries(["title", "message", "type", "link"].map((name) => [name, valueOf(element, name)]).filter(([, value]) => value));
    const draft = { ...content, ...this.#options(audience) };
    if (audience === "topic") return this.#announce(element, { ...draft, topic: valueOf(element, "topic") });
    if (audience !== "users") return this.#announce(element, { ...draft, audience });
    const userIds = valueOf(element, "to").split(",").map((/** @type {string} */ id) => id.trim()).filter(Boolean);
    if (!userIds.length) throw Object.assign(new Error("Say to whom."), { errors: [{ field: "to", message: "at least one user’s id is needed" }] });
    const { notifications, scheduled } = await this.#post("/v1/admin/notifications", { userIds, ...draft });
    if (scheduled) return this.#later(element, scheduled);
    for (const { id, userId } of notifications.slice(0, KEPT)) this.#add(id, content.title ?? content.message, `to ${userId}`);
    empty(element);
    return `Saved for ${counted(notifications.length, "user")}.`;
  }

  /** It waits. @param {HTMLFormElement} element @param {{ sendAt: string }} scheduled */
  #later(element, { sendAt }) {
    empty(element);
    return `Scheduled for ${dateTime(sendAt)}. “Scheduled” lists it, and can cancel it.`;
  }

  /** @param {HTMLFormElement} element @param {Record<string, any>} body */
  async #announce(element, body) {
    const { audience, topic } = body;
    if (topic === "") throw Object.assign(new Error("Say to which topic."), { errors: [{ field: "topic", message: "is needed" }] });
    const seen = topic ? "Who is subscribed sees it, also those who subscribe later." : "Every user sees it, also those who connect later.";
    const text = audience === "connected" ? "Everybody who is connected sees it at once." : seen;
    if (!(await confirmed({ title: "Announce it?", text, yes: "Announce" }))) return "Not sent.";
    /** @type {Item & { scheduled?: { sendAt: string } }} */
    const made = await this.#post("/v1/admin/announcements", body);
    if (made.scheduled) return this.#later(element, made.scheduled);
    if (audience !== "connected") {
      this.#add(made.id, titleOf(made), topic ? `to the topic ${topic}` : "to everybody");
      await this.#loadAnnouncements();
    }
    empty(element);
    return "Announced.";
  }

  /** @param {string} path @param {object} body */
  async #post(path, body) {
    const draft = JSON.stringify([path, body]);
    if (this.#key.draft !== draft) this.#key = { draft, key: newKey() };
    const answer = await call("POST", path, body, { headers: { "Idempotency-Key": this.#key.key } });
    this.#key = { draft: "", key: "" };
    return answer;
  }

  /** @param {string} id @param {string} text @param {string} to */
  #add(id, text, to) {
    this.#nothing.hidden = true;
    const about = h("span", { class: "about" }, time(new Date().toISOString()), ", ", h("bdi", {}, to));
    this.#sent.prepend(h("li", {}, h("div", {}, itemLink(id, text), about)));
    while (this.#sent.childElementCount > KEPT) this.#sent.lastElementChild?.remove();
  }

  async #loadAnnouncements() {
    /** @type {{ announcements: Item[], nextCursor: string | null }} */
    const { announcements, nextCursor } = await call("GET", "/v1/admin/announcements?limit=20");
    const rows = announcements.map((item) => h("li", {},
      h("div", {}, itemLink(item.id, titleOf(item)), h("span", { class: "about" }, time(item.createdAt), ...about(item))),
      button({ class: "quiet small", "aria-label": `Retract: ${titleOf(item)}`, onclick: () => attempt(() => this.#retract(item)) }, "Retract")));
    const nothing = h("p", { class: "nothing" }, "There is none.");
    const more = nextCursor ? [h("p", { class: "about" }, "The newest twenty.")] : [];
    this.#announcements.replaceChildren(rows.length ? h("ul", { class: "sent" }, ...rows) : nothing, ...more);
  }

  /** @param {Item} item */
  async #retract(item) {
    if (!(await retracted(item))) return;
    await this.#loadAnnouncements();
    this.#root.querySelector("h2")?.focus();
  }
}

/** @param {Item} item */
const about = ({ expiresAt, topic, requireAck }) => [
  ...(topic === undefined ? [] : [", topic ", h("a", { href: `#topics/${inPath(topic)}` }, h("bdi", {}, topic))]),
  ...(requireAck ? [", to be acknowledged"] : []),
  ...(expiresAt ? [", until ", time(expiresAt)] : []),
];

/** @param {HTMLFormElement} element */
function empty(element) {
  for (const name of ["title", "message", "sendAt", "expiresAt"]) /** @type {any} */ (element.elements.namedItem(name)).value = "";
}
