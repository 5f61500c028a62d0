/** Topics: how many users are subscribed, and subscribing users or removing them. */

import { h, setText } from "./dom.js";
import { call } from "./access.js";
import { attempt, finder, form, inPath, labelled, valueOf } from "./page.js";
import { counted } from "./words.js";

export class Topics {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {string} topic */
  open(topic) {
    const hint = "As announcements name it, and subscriptions.";
    const find = finder({ id: "find-topic", label: "Topic", hint, value: topic }, "topics");
    const place = h("div", { class: "found" });
    this.#root.replaceChildren(h("h2", { id: "topics-title", tabindex: "-1" }, "Topics"), find, place);
    if (topic) this.#show(topic, place);
    else place.append(h("p", { class: "nothing" }, "An announcement to a topic is for all who are subscribed, also for those who are offline or subscribe later."));
  }

  /** @param {string} topic @param {HTMLElement} place */
  #show(topic, place) {
    const path = `/v1/admin/topics/${inPath(topic)}`;
    const count = h("p", { class: "about", role: "status" }, "Looking …");
    const load = async () => {
      const { subscribers } = await call("GET", path);
      setText(count, subscribers ? `${counted(subscribers, "user")} ${subscribers === 1 ? "is" : "are"} subscribed.` : "Nobody is subscribed.");
    };
    const change = async (/** @type {HTMLFormElement} */ element) => {
      const userIds = valueOf(element, "userIds").split(",").map((/** @type {string} */ id) => id.trim()).filter(Boolean);
      if (!userIds.length) throw Object.assign(new Error(), { errors: [{ field: "userIds", message: "at least one user’s id is needed" }] });
      const adds = valueOf(element, "what") === "subscribe";
      const { changed } = await call(adds ? "PUT" : "DELETE", `${path}/subscribers`, { userIds });
      await load();
      return `${counted(changed, "user")} ${adds ? "subscribed" : "removed"}.`;
    };
    const choice = (/** @type {string} */ value, /** @type {string} */ text, checked = false) =>
      h("label", { class: "choice" }, h("input", { type: "radio", name: "what", value, checked }), h("span", {}, text));
    place.replaceChildren(h("div", { class: "columns" },
      h("section", { class: "panel", "aria-labelledby": "topic-title" },
        h("h3", { id: "topic-title" }, h("bdi", {}, topic)), count,
        h("p", { class: "buttons" }, h("a", { class: "button primary", href: `#send/${inPath(`#${topic}`)}` }, "Announce to them"))),
      form({ class: "panel compose" }, change,
        h("h3", {}, "Change"),
        h("fieldset", {}, h("legend", {}, "What"), h("div", { class: "choices" }, choice("subscribe", "Subscribe", true), choice("remove", "Remove"))),
        labelled("Users’ ids", h("input", { id: "topic-users", name: "userIds", autocomplete: "off", spellcheck: "false", dir: "auto" }), "Separated by commas."),
        h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Change"))),
    ));
    attempt(load);
  }
}
