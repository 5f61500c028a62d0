/** The events of sockets and the messages of queues: the operations of `asyncapi.json`, an event each. */

import { clone, copyable, prose, schemaOf } from "./docs-parts.js";
import { Schemas } from "./schema.js";

const GROUPS = {
  send: ["Socket events from the server", "on"],
  receive: ["Socket events from clients", "emit"],
  take: ["Messages that queues take", "queue"],
  bury: ["Messages that could not be used", "dead"],
};

let described;
let schemas;

export async function showMessages(address, place) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error("asyncapi.json was not found.");
  described = await answer.json();
  schemas = new Schemas(described.components.schemas);
  const shown = new Map();
  for (const operation of Object.values(described.operations)) {
    const channel = found(operation.channel);
    const namespace = channel["x-socketio"]?.namespace;
    const group = namespace ? operation.action : operation.action === "receive" ? "take" : "bury";
    const message = found(operation.messages[0]);
    const id = `${GROUPS[group][1]} ${message.name}`;
    if (!shown.has(id)) shown.set(id, { id, group, operation, name: message.name, namespaces: [] });
    if (namespace) shown.get(id).namespaces.push(namespace);
  }
  for (const [group, [title]] of Object.entries(GROUPS)) {
    const panel = clone("group");
    panel.firstElementChild.textContent = title;
    panel.append(...[...shown.values()].filter((each) => each.group === group).map(showMessage));
    place.append(panel);
  }
}

/** What a reference leads to, and if that is one, what it leads to. */
function found(value) {
  if (!value.$ref) return value;
  const keys = value.$ref.split("/").slice(1);
  return found(keys.reduce((within, key) => within[key], described));
}

function showMessage({ id, group, operation, name, namespaces }) {
  const details = clone("message");
  const part = (wanted) => details.querySelector(`[data-part=${wanted}]`);
  const [, kind] = GROUPS[group];
  details.id = id;
  Object.assign(part("kind"), { textContent: kind }).dataset.method = kind;
  part("name").textContent = name === "*" ? "any other name" : name;
  part("summary").append(...prose(operation.summary));
  details.addEventListener("toggle", () => fill(part, kind, operation, name, namespaces), { once: true });
  return details;
}

function fill(part, kind, operation, name, namespaces) {
  const [first, ...others] = operation.messages.map(found);
  const where = namespaces.length ? `In the namespace ${namespaces.map((each) => `\`${each}\``).join(" and in ")}.` : found(operation.channel).description;
  part("where").append(...prose(where));
  part("code").textContent = sample(kind, name, first.payload);
  part("code").ariaLabel = `For example: ${kind} ${name}`;
  copyable(part("copy"), part("code"));
  const rows = [...forms("Payload", first.payload, kind !== "on")];
  for (const { summary, headers, payload } of others) {
    rows.push(schemaOf(schemas, "Headers", headers, { asked: true, about: summary }), ...forms("Payload with these headers", payload, true));
  }
  for (const answer of operation.reply?.messages.map(found) ?? []) {
    rows.push(...forms(answer.name === "*" ? "Answer if it fails" : "Answer", answer.payload, false));
  }
  part("schemas").append(...rows);
}

/** A payload has one form, or several, of which each is shown; null is for what may be left out. */
function* forms(title, payload, asked) {
  for (const form of choices(payload)) yield schemaOf(schemas, title, form, { asked });
}

const choices = (payload) => (payload.anyOf ?? [payload]).filter(({ type }) => type !== "null");

function sample(kind, name, payload) {
  const example = JSON.stringify(schemas.example(choices(payload)[0]), null, 2);
  if (kind === "emit") return `socket.emit(${JSON.stringify(name)}, ${example}, (answer) => console.log(answer));`;
  if (kind !== "on") return example;
  return `socket.on(${JSON.stringify(name === "*" ? "prices" : name)}, (payload) => console.log(payload));\n\n// payload:\n${example}`;
}
