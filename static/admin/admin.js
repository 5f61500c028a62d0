/** The operators' page: signing in, what is shown, and asking how the service is. */

import { fetchDemo } from "../rest.js";
import { setText } from "./dom.js";
import { call, keptToken, refusal, signIn, signInToDemo, signOut } from "./access.js";
import { Figures } from "./figures.js";
import { Health } from "./health.js";
import { Notifications } from "./notifications.js";
import { Overview } from "./overview.js";
import { $, say, showError } from "./page.js";
import { Revocations } from "./revocations.js";
import { Scheduled } from "./scheduled.js";
import { Sending } from "./sending.js";
import { Topics } from "./topics.js";
import { Users } from "./users.js";
import { Watch } from "./watch.js";
import { timeOfDay, zoned } from "./words.js";

const EVERY = 1500; // milliseconds between two looks at the service
const TROUBLED = 1000; // while something is wrong
const WARNINGS_EVERY = 5000;
const ANSWER_WITHIN = 4000;
const VIEWS = ["overview", "users", "notifications", "send", "topics", "scheduled", "revocations"];

/** @type {Health} */
let health;
/** @type {Figures} */
let figures;
/** @type {Overview} */
let overview;
const watch = new Watch(look, EVERY);
const warningsWatch = new Watch(lookAtWarnings, WARNINGS_EVERY);
let isDemo = false;

/** @type {Record<string, { open(argument: string): void, close?(): void }>} */
const views = {};
let shown = "";

async function look() {
  const asked = health;
  try {
    const { instances } = await call("GET", "/v1/admin/instances", undefined, { within: ANSWER_WITHIN });
    if (asked !== health) return;
    health.answered(instances, Date.now());
    figures.add(instances);
  } catch (problem) {
    if (asked !== health) return;
    const why = refusal(problem);
    if (why) return void leave(why);
    health.failed(problem, Date.now());
    figures.add([]);
  }
  overview.draw();
  drawTime();
  return health.troubles.length ? TROUBLED : undefined;
}

/** When the service last answered, whatever was tried since. */
function drawTime() {
  const { answeredAt, known } = health;
  setText($("updated"), known ? `Last answered at ${timeOfDay(answeredAt)}.` : "Not answered yet.");
  $("updated").title = known ? zoned(answeredAt) : "";
}

async function lookAtWarnings() {
  const { warnings } = await call("GET", "/v1/admin/warnings", undefined, { within: ANSWER_WITHIN }).catch(() => overview);
  overview.warnings = warnings;
}

// Signing in and out

function enter() {
  health = new Health();
  figures = new Figures();
  overview = new Overview(health, figures, (id) => {
    health.forget(id, Date.now());
    overview.draw();
  });
  showError("");
  /** @type {HTMLInputElement} */ ($("token")).value = ""; // a wrong one stays, to be mended
  $("sign-in").hidden = true;
  for (const id of ["signed-in", "views", "log-out"]) $(id).hidden = false;
  overview.draw();
  show();
  watch.start();
  warningsWatch.start();
}

/** @param {string} why @param {boolean} [wrong] */
function leave(why, wrong = true) {
  watch.stop();
  warningsWatch.stop();
  signOut();
  views[shown]?.close?.();
  shown = "";
  health = new Health();
  for (const id of ["signed-in", "views", "log-out", "troubles"]) $(id).hidden = true;
  for (const view of VIEWS.slice(1)) $(view).replaceChildren(); // nothing of anybody stays in the page
  $("sign-in").hidden = false;
  document.title = "Operations · Eventide Notify";
  setText($("headline"), "Operations");
  setText($("subline"), "Sign in to see how the service is, and to act on it.");
  setText($("updated"), "");
  document.body.style.removeProperty("--daylight");
  delete document.body.dataset.view;
  const state = $("sign-in-state");
  state.textContent = why;
  state.classList.toggle("wrong", wrong && Boolean(why));
  const token = /** @type {HTMLInputElement} */ ($("token"));
  token.setAttribute("aria-invalid", String(wrong && Boolean(why)));
  token.focus();
  token.select();
}

async function tryToken() {
  const field = /** @type {HTMLInputElement} */ ($("token"));
  const token = field.value.trim().replace(/^Bearer\s+/i, "");
  if (!token) return leave("Paste a token or an API key.");
  signIn(token);
  await begin();
}

/** Enter if the server lets us in. While it cannot be reached nobody knows, and the page says so. */
async function begin() {
  $("sign-in-state").textContent = "Signing in …";
  try {
    await call("GET", "/v1/admin/online-users?limit=1", undefined, { within: ANSWER_WITHIN });
  } catch (problem) {
    const why = refusal(problem);
    if (why) return leave(why);
  }
  enter();
  $("headline").focus();
}

// Which part is shown

function show() {
  if ($("signed-in").hidden) return;
  const [name, ...rest] = location.hash.slice(1).split("/");
  const view = VIEWS.includes(name) ? name : "overview";
  for (const each of VIEWS) $(each).hidden = each !== view;
  for (const link of $("views").querySelectorAll("a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.view = view;
  const moved = shown !== "";
  views[shown]?.close?.();
  shown = view;
  showError("");
  views[view]?.open(decodeURIComponent(rest.join("/")));
  document.title = `${$("views").querySelector("[aria-current]")?.textContent} · Eventide Notify`;
  if (moved) {
    $(`${view}-title`)?.focus();
    scrollTo(0, 0);
  }
}

async function start() {
  Object.assign(views, {
    users: new Users($("users"), () => health.isPartial),
    notifications: new Notifications($("notifications")),
    send: new Sending($("send")),
    topics: new Topics($("topics")),
    scheduled: new Scheduled($("scheduled")),
    revocations: new Revocations($("revocations")),
  });
  $("notice-close").addEventListener("click", () => showError(""));
  $("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    tryToken();
  });
  $("log-out").addEventListener("click", () => {
    leave("", false);
    say("Logged out.");
  });
  $("use-demo").addEventListener("click", () => {
    signInToDemo();
    begin();
  });
  addEventListener("hashchange", show);
  isDemo = await fetchDemo().then(() => true, () => false);
  $("with-demo").hidden = !isDemo;
  if (keptToken()) {
    signIn(keptToken());
    await begin();
  } else if (isDemo) {
    signInToDemo();
    await begin();
  } else leave("", false);
}

start();
