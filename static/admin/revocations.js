/** Which tokens are refused: the list, adding to it, and taking from it. */

import { button, h } from "./dom.js";
import { call } from "./access.js";
import { attempt, confirmed, form, inPath, labelled, say, table, time, userLink, valueOf } from "./page.js";
import { dateTime } from "./words.js";

/** @import { Revocation } from "./types.d.ts" */

export class Revocations {
  #root;
  #list = h("div", {});

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {string} user whose tokens, if that is known */
  open(user) {
    const input = (/** @type {string} */ name, /** @type {Record<string, string>} */ more = {}) => h("input", { id: `revoke-${name}`, name, autocomplete: "off", spellcheck: "false", ...more });
    const choice = (/** @type {string} */ value, /** @type {string} */ text, checked = false) =>
      h("label", { class: "choice" }, h("input", { type: "radio", name: "what", value, checked, onchange: () => showFor(value) }), h("span", {}, text));
    const ofUser = h("div", { class: "stack" },
      labelled("User’s id", input("userId", { value: user, dir: "auto" })),
      labelled("Issued before", input("issuedBefore", { type: "datetime-local", step: "1" }), "Empty: now. Tokens that are issued later are accepted."));
    const ofToken = h("div", { hidden: true }, labelled("Token’s id (jti)", input("jti")));
    const showFor = (/** @type {string} */ what) => {
      ofUser.hidden = what !== "user";
      ofToken.hidden = what === "user";
    };
    this.#root.replaceChildren(
      h("h2", { id: "revocations-title", tabindex: "-1" }, "Revocations"),
      h("div", { class: "columns" },
        form({ class: "panel compose" }, (element) => this.#revoke(element),
          h("h3", {}, "Revoke tokens"),
          h("p", { class: "about" }, "Sockets with such a token are closed on all instances, and the token is refused from now on."),
          h("fieldset", {}, h("legend", {}, "Which"), h("div", { class: "choices" }, choice("user", "A user’s tokens", true), choice("token", "One token"))),
          ofUser, ofToken,
          h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary danger" }, "Revoke")),
        ),
        h("section", { class: "panel", "aria-labelledby": "revoked-title" }, h("h3", { id: "revoked-title" }, "In force"), this.#list),
      ),
    );
    attempt(() => this.#load());
  }

  /** @param {string} [cursor] of a further page */
  async #load(cursor) {
    const asked = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
    const { revocations, nextCursor } = await call("GET", `/v1/admin/revocations${asked}`);
    const rows = revocations.map((/** @type {Revocation} */ each) => [
      each.userId === undefined ? h("span", {}, "token ", h("code", {}, each.jti ?? "")) : h("span", { class: "text" }, userLink(each.userId), ...before(each)),
      time(each.createdAt),
      time(each.expiresAt),
      button({ class: "quiet small", "aria-label": `Undo the revocation of ${nameOf(each)}`, onclick: () => attempt(() => this.#undo(each)) }, "Undo"),
    ]);
    const nothing = h("p", { class: "nothing" }, "No token is revoked.");
    const more = nextCursor ? [button({ class: "quiet", onclick: () => attempt(() => this.#load(nextCursor)) }, "Older ones")] : [];
    this.#list.replaceChildren(rows.length ? table("Revocations in force", ["Whose", "Revoked", "Kept until", "Change"], rows) : nothing, ...more);
  }

  /** @param {HTMLFormElement} element */
  async #revoke(element) {
    const ofUser = valueOf(element, "what") === "user";
    const name = ofUser ? "userId" : "jti";
    const subject = valueOf(element, name);
    if (!subject) throw Object.assign(new Error(), { errors: [{ field: name, message: "is needed" }] });
    const until = ofUser ? valueOf(element, "issuedBefore") : "";
    const whose = ofUser ? `Every token of ${subject} that was issued before ${until ? dateTime(until) : "now"}` : `The token ${subject}`;
    if (!(await confirmed({ title: "Revoke?", text: `${whose} is refused, and its sockets are closed.`, yes: "Revoke", danger: true }))) return "Nothing was revoked.";
    await call("POST", "/v1/admin/revocations", { [name]: subject, ...(until && { issuedBefore: new Date(until).toISOString() }) });
    await this.#load();
    return "Revoked. Its sockets are closed on all instances.";
  }

  /** @param {Revocation} revocation */
  async #undo(revocation) {
    const text = "The tokens are accepted again, as long as they have not expired.";
    if (!(await confirmed({ title: "Undo the revocation?", text, yes: "Undo it" }))) return;
    await call("DELETE", `/v1/admin/revocations/${inPath(revocation.id)}`);
    await this.#load();
    say("Undone.");
    this.#root.querySelector("h2")?.focus();
  }
}

/** @param {Revocation} revocation */
const nameOf = ({ userId, jti }) => userId ?? `the token ${jti}`;

/** @param {Revocation} revocation */
const before = ({ issuedBefore }) => (issuedBefore ? [h("span", { class: "about" }, "tokens issued before ", time(issuedBefore))] : []);
