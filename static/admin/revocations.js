/** Which tokens are refused: the list, adding to it, and taking from it. */

import { button, h } from "../inbox/dom.js";
import { call } from "./access.js";
import { attempt, confirmed, form, inPath, labelled, say, table, userLink, valueOf } from "./page.js";
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
    this.#root.replaceChildren(
      h("h2", { id: "revocations-title", tabindex: "-1" }, "Revocations"),
      h("div", { class: "columns" },
        form({ class: "panel compose" }, (element) => this.#revoke(element),
          h("h3", {}, "Revoke tokens"),
          h("p", { class: "about" }, "Sockets with such a token are closed on all instances, and the token is refused from now on. Give a user, a token’s id, or both."),
          labelled("User’s id", input("userId", { value: user, dir: "auto" })),
          labelled("Token’s id (jti)", input("jti")),
          labelled("Issued before", input("issuedBefore", { type: "datetime-local", step: "1" }), "Empty: now. Tokens issued later are accepted."),
          h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary danger" }, "Revoke")),
        ),
        h("section", { class: "panel", "aria-labelledby": "revoked-title" }, h("h3", { id: "revoked-title" }, "In force"), this.#list),
      ),
    );
    attempt(() => this.#load());
  }

  async #load() {
    const { revocations } = await call("GET", "/v1/admin/revocations");
    const rows = revocations.map((/** @type {Revocation} */ each) => [
      each.userId ? userLink(each.userId) : "–",
      each.jti ? h("code", {}, each.jti) : "all",
      each.issuedBefore ? dateTime(each.issuedBefore) : "–",
      button({ class: "quiet small", "aria-label": `Undo the revocation of ${each.userId ?? each.jti}`, onclick: () => attempt(() => this.#undo(each)) }, "Undo"),
    ]);
    const nothing = h("p", { class: "nothing" }, "No token is revoked.");
    this.#list.replaceChildren(rows.length ? table("Revocations in force", ["User", "Token", "Issued before", ""], rows) : nothing);
  }

  /** @param {HTMLFormElement} element */
  async #revoke(element) {
    const [userId, jti, before] = ["userId", "jti", "issuedBefore"].map((name) => valueOf(element, name));
    if (!userId && !jti) throw Object.assign(new Error("Say whose tokens."), { errors: [{ field: "userId", message: "a user’s id or a token’s id is needed" }] });
    const body = { ...(userId && { userId }), ...(jti && { jti }), ...(before && { issuedBefore: new Date(before).toISOString() }) };
    const whose = userId ? `Every ${jti ? `token ${jti}` : "token"} of ${userId}` : `The token ${jti}`;
    const text = `${whose} issued before ${before ? dateTime(before) : "now"} is refused, and its sockets are closed.`;
    if (!(await confirmed({ title: "Revoke?", text, yes: "Revoke", danger: true }))) return "Nothing was revoked.";
    await call("POST", "/v1/admin/revocations", body);
    await this.#load();
    return "Revoked. Sockets are being closed on all instances.";
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
