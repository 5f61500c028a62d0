/** The first page: the demo, where there is one; elsewhere the bell, for whoever has a token. */

import { showDemo } from "./demo-page.js";
import { $, showError } from "./dom.js";
import { fetchDemo } from "./rest.js";
import { setClock } from "./server-clock.js";
import { showOwn } from "./token-page.js";

async function start() {
  $("notice-close").addEventListener("click", () => showError(""));
  const askedAt = Date.now();
  const demo = await fetchDemo().catch(() => null);
  if (!demo) return showOwn();
  setClock(demo.time, askedAt);
  return showDemo(demo);
}

start();
