/** The elements of the notification centre, all but its rows. */

import { button, h, icon } from "./dom.js";

/** `{root, …}`: the elements by what they are. `say`: the texts. */
export function makeView(say) {
  const view = {
    heading: h("h1", {}, say("title")),
    count: h("p", { class: "count", dir: "auto" }),
    state: h("bdi"),
    help: button(
      { class: "tool help", title: `${say("help")} (?)`, "aria-label": say("help"), "aria-haspopup": "dialog" },
      icon("keys"),
    ),
    views: radios(say, ["all", "unread", "archived"]),
    type: h("select", { name: "type", "aria-label": say("type") }, new Option(say("allTypes"), "")),
    search: h("input", {
      type: "search", name: "q", maxlength: "100", autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
      placeholder: say("search"), "aria-label": say("search"), "aria-keyshortcuts": "/",
    }),
    all: h("input", { type: "checkbox", "aria-label": say("selectAll"), "aria-keyshortcuts": "Control+A" }),
    selected: h("bdi", {}, say("selectAll")),
    more: button({ class: "link", hidden: true }, say("selectEverything")),
    read: button({ class: "quiet", hidden: true }),
    archive: button({ class: "quiet", hidden: true }),
    remove: button({ class: "quiet", hidden: true }, say("remove")),
    readAll: button({ class: "quiet" }, say("markAllRead")),
    problem: h("div", { class: "problem", role: "alert", hidden: true }),
    list: h("ol", { class: "list", role: "list", tabindex: "-1", "aria-label": say("list") }),
    note: h("div", { class: "note" }),
    end: h("p", { class: "end" }),
    spoken: h("p", { class: "unseen", "aria-live": "polite" }),
  };
  view.filters = h("form", { class: "filters", role: "search" }, view.views, view.type, view.search);
  view.bar = h(
    "div", { class: "bar", role: "toolbar", "aria-label": say("actions") },
    h("label", { class: "all" }, view.all, view.selected),
    view.more, view.read, view.archive, view.remove, view.readAll,
  );
  const lamp = h("span", { class: "lamp", "aria-hidden": "true" });
  const state = h("p", { class: "state", role: "status" }, lamp, view.state);
  view.stuck = h("div", { class: "stuck" }, view.bar, view.problem);
  const about = h("div", { class: "about" }, state, view.help);
  const head = h("header", { class: "head" }, view.heading, view.count, about);
  view.parts = [head, view.filters, view.stuck, view.list, view.note, view.end, view.spoken];
  return view;
}

function radios(say, names) {
  const radio = (name, at) => h(
    "label", {},
    h("input", { type: "radio", name: "view", value: name, checked: at === 0 }),
    h("span", {}, say(name)),
  );
  return h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, say("views")), ...names.map(radio));
}
