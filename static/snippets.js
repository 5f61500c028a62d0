/** What to paste into an application, with this service's address and a token of the demo's. */

import { $, partsOf, clone } from "./dom.js";
import { copies } from "./copy.js";
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

/** `getToken()`: a promise of the token that a copy has. */
export function showSnippets(getToken) {
  const sections = SNIPPETS.map(({ id, name, text, where }) => {
    const element = clone("snippet");
    const part = partsOf(element);
    element.id = `snippet-${id}`;
    part("where").textContent = where;
    part("text").textContent = text(location.origin, HIDDEN);
    part("copy").setAttribute("aria-label", `Copy: ${name}`);
    copies(part("copy"), async () => text(location.origin, await getToken()));
    return { id, name, element };
  });
  $("snippets").append(...sections.map(({ element }) => element));
  new Tabs($("snippet-tabs")).show(sections);
}
