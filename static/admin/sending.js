/** Sending to users, announcing to everybody, and retracting. */

import { button, h } from "./dom.js";
import { call } from "./access.js";
import { retracted, titleOf } from "./items.js";
import { attempt, confirmed, form, itemLink, labelled, time, valueOf } from "./page.js";
import { counted } from "./words.js";

/** @import { Item } from "./types.d.ts" */

const KEPT = 10; // of what was sent from this page

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

  /** @param {string} user to whom, if that is known */
  open(user) {
    if (!this.#root.childElementCount) this.#build();
    attempt(() => this.#loadAnnouncements());
    const to = /** @type {HTMLInputElement} */ (this.#root.querySelector("[name=to]"));
    if (!user) return;
    to.value = user;
    this.#root.querySelectorAll("[name=audience]").forEach((radio) => {
      /** @type {HTMLInputElement} */ (radio).checked = /** @type {HTMLInputElement} */ (radio).value === "users";
    });
    this.#showFor("users");
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
          h("fieldset", {}, h("legend", {}, "To"), h("div", { class: "choices" }, choice("users", "Users", true), choice("everyone", "Everybody"), choice("connected", "Whoever is connected"))),
          field("to", "Users’ ids", { spellcheck: "false", dir: "auto" }, "Separated by commas."),
          h("p", { class: "about", id: "draft-audience", hidden: true }),
          field("title", "Title", { dir: "auto" }),
          labelled("Message", h("textarea", { id: "draft-message", name: "message", rows: "3", dir: "auto" })),
          h("details", {}, h("summary", {}, "Type and link"), field("type", "Type", { placeholder: "SYSTEM", spellcheck: "false" }), field("link", "Link", { placeholder: "/… or https://…", spellcheck: "false" })),
          h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Send")),
        ),
        h("div", { class: "stack" },
          h("section", { class: "panel", "aria-labelledby": "sent-title" }, h("h3", { id: "sent-title" }, "Sent from this page"), this.#nothing, this.#sent),
          h("section", { class: "panel", "aria-labelledby": "current-title" }, h("h3", { id: "current-title" }, "Current announcements"), this.#announcements),
        ),
      ),
    );
  }

  /** @param {string} audience */
  #showFor(audience) {
    const about = /** @type {HTMLElement} */ (this.#root.querySelector("#draft-audience"));
    const to = /** @type {HTMLElement} */ (this.#root.querySelector("[name=to]")?.parentElement);
    to.hidden = audience !== "users";
    about.hidden = audience === "users";
    about.textContent = audience === "everyone" ? "An announcement: in every user’s list, also of those who connect later." : "An announcement for those who are connected now. It is not stored.";
  }

  /** @param {HTMLFormElement} element */
  async #send(element) {
    const audience = valueOf(element, "audience");
    const draft = Object.fromEntries(["title", "message", "type", "link"].map((name) => [name, valueOf(element, name)]).filter(([, value]) => value));
    if (audience !== "users") return this.#announce(element, { ...draft, audience });
    const userIds = valueOf(element, "to").split(",").map((/** @type {string} */ id) => id.trim()).filter(Boolean);
    if (!userIds.length) throw Object.assign(new Error("Say to whom."), { errors: [{ field: "to", message: "at least one user’s id is needed" }] });
    const { notifications } = await this.#post("/v1/admin/notifications", { userIds, ...draft });
    for (const { id, userId } of notifications.slice(0, KEPT)) this.#add(id, draft.title ?? draft.message, `to ${userId}`);
    empty(element);
    return `Saved for ${counted(notifications.length, "user")}.`;
  }

  /** @param {HTMLFormElement} element @param {Record<string, string>} body */
  async #announce(element, body) {
    const everyone = body.audience === "everyone";
    const text = everyone ? "Every user sees it, also those who connect later." : "Everybody who is connected sees it at once.";
    if (!(await confirmed({ title: "Announce it?", text, yes: "Announce" }))) return "Not sent.";
    /** @type {Item} */
    const made = await this.#post("/v1/admin/announcements", body);
    if (everyone) {
      this.#add(made.id, titleOf(made), "to everybody");
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
      h("div", {}, itemLink(item.id, titleOf(item)), h("span", { class: "about" }, time(item.createdAt), ...(item.expiresAt ? [", until ", time(item.expiresAt)] : []))),
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

/** @param {HTMLFormElement} element */
function empty(element) {
  for (const name of ["title", "message"]) /** @type {any} */ (element.elements.namedItem(name)).value = "";
}
