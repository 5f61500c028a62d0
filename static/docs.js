/** The API: the operations of `openapi.json`, which is beside this page, each with a form; then what `asyncapi.json` has. */

import { clone, copyable, definition, prose, schemaOf } from "./docs-parts.js";
import { showMessages } from "./docs-messages.js";
import { fetchDemo, pasted } from "./rest.js";
import { Schemas } from "./schema.js";

const HEADERS = ["content-type", "retry-after", "www-authenticate", "allow", "location"];

const $ = (id) => document.getElementById(id);
const changed = new EventTarget(); // of the token, which every curl line contains
let schemas;

// A token, pasted or a demo user's

function useToken(token) {
  $("token").value = token;
  pasted.set(token);
  changed.dispatchEvent(new Event("token"));
}

async function offerTokens() {
  const { users } = await fetchDemo();
  const offered = [
    ...users.map(({ id, name }) => [name, (demo) => demo.users.find((user) => user.id === id).token]),
    ["Administrator", (demo) => demo.adminToken],
  ];
  for (const [name, pick] of offered) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "on-sky", textContent: name });
    button.onclick = async () => useToken(pick(await fetchDemo())); // a new one: the first may have expired by now
    $("demo-tokens").append(button);
  }
  $("demo-tokens").hidden = false;
}

// One operation

function showOperation(method, path, operation, shared, base) {
  const details = clone("operation");
  const part = (name) => details.querySelector(`[data-part=${name}]`);
  details.id = `${method}${path}`;
  part("method").textContent = method.toUpperCase();
  part("method").dataset.method = method;
  part("path").textContent = path;
  part("summary").append(...prose(operation.summary ?? ""));
  // Filled when it is first opened: a page full of forms would be slow, and tiring to listen to.
  details.addEventListener("toggle", () => fillOperation(part, method, path, { ...operation, base }, shared), { once: true });
  return details;
}

function fillOperation(part, method, path, operation, shared) {
  const form = part("form");
  const parameters = [...shared, ...(operation.parameters ?? [])];
  const content = operation.requestBody?.content["application/json"];
  for (const parameter of parameters) part("parameters").append(field(parameter));
  if (content) {
    part("body").hidden = false;
    const text = JSON.stringify(content.example ?? schemas.example(content.schema), null, 2);
    Object.assign(form.elements.body, { value: text, rows: text.split("\n").length + 1 });
  }
  for (const schema of describe(operation, content)) part("schemas").append(schema);

  const current = () => read(form, method, path, operation, parameters, Boolean(content));
  const showCurl = () => (part("curl").textContent = curl(current()));
  form.addEventListener("input", showCurl);
  changed.addEventListener("token", showCurl);
  showCurl();
  copyable(part("copy"), part("curl"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.reportValidity()) send(part, current());
  });
}

function field({ name, in: place, required, schema, description }) {
  const { type, enum: values, default: preset } = schemas.resolve(schema);
  const choices = values ?? (type === "boolean" ? [true, false] : null);
  const input = document.createElement(choices ? "select" : "input");
  input.name = `${place}:${name}`;
  if (choices) input.append(...["", ...choices].map((choice) => new Option(choice)));
  // Plain text even for numbers, so that wrong values can be tried too.
  else Object.assign(input, { autocomplete: "off", spellcheck: false, placeholder: preset ?? "" });
  input.required = place === "path"; // without it the address would be another operation's
  const label = document.createElement("label");
  const about = [place === "header" ? "header" : "", required ? "required" : "", schemas.words(schema), description].filter(Boolean);
  const hint = document.createElement("small");
  hint.append(...prose(about.join(" · ")));
  label.append(name, input, hint);
  return label;
}

/** The request that the form describes. */
function read(form, method, path, { base, security }, parameters, hasBody) {
  const headers = {};
  const url = new URL(base);
  let filled = path;
  for (const { name, in: place } of parameters) {
    const { value } = form.elements[`${place}:${name}`];
    if (place === "path") filled = filled.replace(`{${name}}`, encodeURIComponent(value || `{${name}}`));
    else if (place === "header" && value) headers[name] = value;
    else if (place === "query" && value) url.searchParams.set(name, value);
  }
  url.pathname = url.pathname.replace(/\/$/, "") + filled;
  const token = $("token").value.trim();
  if (token && security?.length !== 0) headers.Authorization = `Bearer ${token}`;
  const body = hasBody && form.elements.body.value.trim() ? form.elements.body.value : undefined;
  if (body) headers["Content-Type"] = "application/json";
  return { method: method.toUpperCase(), url, headers, body };
}

async function send(part, { method, url, headers, body }) {
  const started = performance.now();
  const show = (status, good, took = "", shown = [], text = "") => {
    part("status").textContent = status;
    part("status").className = good ? "good" : "wrong";
    part("took").textContent = took;
    part("headers").replaceChildren(...shown.flatMap((pair) => definition(...pair)));
    part("answer").textContent = text;
    part("answer").hidden = !text;
    part("result").hidden = false;
  };
  try {
    const answer = await fetch(url, { method, headers, body });
    const text = await answer.text();
    const took = `${Math.round(performance.now() - started)} ms`;
    const shown = HEADERS.filter((name) => answer.headers.has(name)).map((name) => [name, answer.headers.get(name)]);
    show(`${answer.status} ${answer.statusText}`, answer.ok, took, shown, pretty(text));
  } catch (error) {
    show(`No response: ${error.message}`, false);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function curl({ method, url, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const { Authorization: bearer, ...others } = headers;
  const token = bearer?.replace("Bearer ", "");
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(url.href)}`];
  // The token apart, so that the rest can be read.
  if (token) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  for (const [name, value] of Object.entries(others)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) lines.push(`-d ${quoted(pretty(body))}`);
  return (token ? `TOKEN=${quoted(token)}\n` : "") + lines.join(" \\\n  ");
}

// What goes in and comes out

function* describe({ responses = {} }, content) {
  if (content) yield schemaOf(schemas, "Body", content.schema, { asked: true });
  const problems = [];
  for (const [status, { description, content = {} }] of Object.entries(responses)) {
    const [media, { schema } = {}] = Object.entries(content)[0] ?? [];
    if (media === "application/problem+json") problems.push({ status, description, schema });
    else yield schemaOf(schemas, `${status} ${description}`, schema);
  }
  if (problems.length) {
    const all = problems.map(({ status, description }) => `${status} ${description}`).join(", ");
    yield schemaOf(schemas, `Errors: ${problems.map(({ status }) => status).join(", ")}`, problems[0].schema, { about: all });
  }
}

// Start

/** Beside the page; and where this is the copy below /client/, where the service has it (beside another app: in /v1). */
async function fetchDocument() {
  const places = location.pathname.startsWith("/client/") ? ["/v1/openapi.json", "/openapi.json"] : ["./openapi.json"];
  for (const place of places) {
    const answer = await fetch(place);
    if (answer.ok) return { address: answer.url, ...(await answer.json()) };
  }
  throw new Error("openapi.json was not found.");
}

function showAll({ address, info, servers, paths, components }) {
  $("document").href = address;
  $("about").textContent = [`Version ${info.version}.`, info.description].filter(Boolean).join(" ");
  schemas = new Schemas(components?.schemas);
  const base = new URL(servers?.[0]?.url ?? "/", address);
  const groups = new Map();
  for (const [path, { parameters = [], ...methods }] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "Other";
      if (!groups.has(tag)) {
        groups.set(tag, clone("group"));
        groups.get(tag).firstElementChild.textContent = tag;
      }
      groups.get(tag).append(showOperation(method, path, operation, parameters, base));
    }
  }
  $("operations").append(...groups.values());
}

async function start() {
  $("token").value = pasted.get();
  $("token").addEventListener("input", () => useToken($("token").value.trim().replace(/^Bearer\s+/i, "")));
  $("token-form").addEventListener("submit", (event) => event.preventDefault());
  offerTokens().catch(() => {}); // not in demo mode
  try {
    const described = await fetchDocument();
    showAll(described);
    $("messages-document").href = new URL("asyncapi.json", described.address);
    await showMessages($("messages-document").href, $("messages"));
  } catch (error) {
    $("notice").textContent = `The API’s description could not be loaded: ${error.message}`;
    $("notice").hidden = false;
  }
}

start();
