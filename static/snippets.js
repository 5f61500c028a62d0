/** What to paste into an application, with this service's address and a token of the demo's. */

import { copies } from "./copy.js";
import { curl } from "./curl.js";
import { $, partsOf, clone } from "./dom.js";
import { TOPIC } from "./samples.js";
import { serverTime } from "./server-clock.js";
import { Tabs } from "./tabs.js";

const HIDDEN = "eyJ…"; // a token is for the server alone: what is shown on a screen is not it

const html = (service, token) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>My application</title>
<script type="module" src="${service}/client/eventide-bell.js"></script>
<eventide-bell token="${token}"></eventide-bell>
`;

const react = (service, token) => `import { createElement, useEffect } from "react";

const service = "${service}";
const token = "${token}";

export default function App() {
  useEffect(() => {
    import(/* @vite-ignore */ \`\${service}/client/eventide-bell.js\`);
  }, []);
  return createElement("eventide-bell", { token });
}
`;

const angular = (service, token) => `import { Component, CUSTOM_ELEMENTS_SCHEMA } from "@angular/core";

const service = "${service}";

@Component({
  selector: "app-root",
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: \`<eventide-bell [attr.token]="token" />\`,
})
export class App {
  protected readonly token = "${token}";

  constructor() {
    import(\`\${service}/client/eventide-bell.js\`);
  }
}
`;

const SNIPPETS = [
  { id: "html", name: "Plain HTML", text: html, where: "Save it as index.html, run python3 -m http.server 8000 beside it, and open http://localhost:8000." },
  { id: "react", name: "React", text: react, where: "The file src/App.jsx or src/App.tsx of an application made with Vite." },
  { id: "angular", name: "Angular", text: angular, where: "The file src/app/app.ts of an application made with ng new." },
];

const SEND = "/v1/admin/notifications";
const ANNOUNCE = "/v1/admin/announcements";
const inAnHour = () => new Date(serverTime() + 3_600_000).toISOString();

const ways = (alice) => [
  {
    id: "schedule",
    name: "Schedule",
    where: "It is saved now and sent then, also if the server is restarted. GET /v1/admin/scheduled lists what waits, and DELETE cancels it.",
    text: (_, token) => curl({ path: SEND, token, body: { userIds: [alice], message: "Your order leaves in an hour.", sendAt: inAnHour() } }),
  },
  {
    id: "expire",
    name: "Expire",
    where: "Then it leaves every list, count and open screen.",
    text: (_, token) => curl({ path: SEND, token, body: { userIds: [alice], message: "Your code is 4711.", expiresAt: inAnHour() } }),
  },
  {
    id: "collapse",
    name: "Collapse",
    where: "It replaces the user’s unread one with the same key, and says how many it has replaced.",
    text: (_, token) => curl({ path: SEND, token, body: { userIds: [alice], message: "Three people like your photo.", collapseKey: "likes-1" } }),
  },
  {
    id: "topic",
    name: "Topic",
    where: "Users subscribe by themselves, or your back end subscribes them. Who subscribes later has it, too.",
    text: (_, token) => [
      curl({ method: "PUT", path: `/v1/admin/topics/${TOPIC}/subscribers`, token, body: { userIds: [alice] } }),
      curl({ path: ANNOUNCE, token, body: { topic: TOPIC, message: "Low tide at 19:42." } }),
    ].join("\n"),
  },
  {
    id: "acknowledge",
    name: "Acknowledge",
    where: "It stays on top until the user acknowledges it, and who has not is reminded every hour. The answer’s id leads to how many have: GET /v1/admin/announcements/{id}/reach.",
    text: (_, token) => curl({ path: ANNOUNCE, token, body: { message: "The gate is closed on Sunday.", requireAck: true, remindAfter: 3600 } }),
  },
];

/** `getToken()`: a promise of the token that a copy has. `getAdminToken()`: of an administrator's. */
export function showSnippets(user, getToken, getAdminToken) {
  show("way", "ways", ways(user), getAdminToken);
  show("snippet", "snippets", SNIPPETS, getToken);
}

/** Each has a tab in `#${prefix}-tabs`, and its text in the element `place`. */
function show(prefix, place, snippets, getToken) {
  const sections = snippets.map(({ id, name, text, where }) => {
    const element = clone("snippet");
    const part = partsOf(element);
    element.id = `${prefix}-${id}`;
    part("where").textContent = where;
    part("text").textContent = text(location.origin, HIDDEN);
    part("copy").setAttribute("aria-label", `Copy: ${name}`);
    copies(part("copy"), async () => text(location.origin, await getToken()));
    return { id, name, element };
  });
  $(place).append(...sections.map(({ element }) => element));
  new Tabs($(`${prefix}-tabs`)).show(sections);
}
