// Runs front ends as pages of one process, so that a test can see what happens in them and tell them what to do.
//
// Each line on stdin is a command to one page, in JSON: {page, do, …}, see `open`. The first is
//
//   {"page": 1, "do": "open", "frontEnd": "a", "url": "http://localhost:3000", "token": "…", "options": {…}}
//
// where `options` are socket.io-client's own, laid over those of the front end. Whatever happens in a page is a line on
// stdout, {page, at, what, name, data}: at which millisecond, what kind of thing, and
//
//   connect        the transport                      event          its name, its payload
//   upgrade        the transport after it             shown          an event's name, what the front end shows of it
//   connect_error  its message, its data              answer         the command's id, what the server answered
//   disconnect     its reason                         response       the command's id, {status, body}
//
// The end of stdin is the end of the process: all pages are gone, without a word to the server.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import * as a from "./a.mjs";
import * as b from "./b.mjs";
import * as c from "./c.mjs";

const { io } = createRequire(import.meta.url)("socket.io-client"); // starts in half the time of its ES modules
const frontEnds = { a, b, c };
const pages = new Map();

function open(page, given) {
  const frontEnd = frontEnds[given.frontEnd];
  let { token } = given;

  function print(what, name, data) {
    process.stdout.write(`${JSON.stringify({ page, at: Date.now(), what, name, data })}\n`);
  }

  function options({ auth, extraHeaders, ...others } = {}) {
    const own = frontEnd.options(token);
    return {
      ...own,
      ...others,
      auth: { ...own.auth, ...auth },
      extraHeaders: { ...own.extraHeaders, ...extraHeaders },
      forceNew: true, // pages share nothing
    };
  }

  const socket = io(given.url + frontEnd.namespace, options(given.options));

  socket.io.on("open", () => {
    socket.io.engine.on("upgrade", (transport) => print("upgrade", transport.name));
  });
  socket.on("connect", () => print("connect", socket.io.engine.transport.name));
  socket.on("connect_error", (error) => print("connect_error", error.message, error.data));
  socket.on("disconnect", (reason) => print("disconnect", reason));
  socket.onAny((name, payload) => print("event", name, payload));
  frontEnd.listen(socket, (name, shown) => print("shown", name, shown));

  return {
    emit({ event, args }) {
      socket.emit(event, ...args);
    },
    call({ id, event, args }) {
      socket.emit(event, ...args, (answer) => print("answer", id, answer));
    },
    burst({ id, event, times }) {
      for (let n = 0; n < times; n += 1) socket.emit(event, (answer) => print("answer", id, answer));
    },
    async fetch({ id, method, path }) {
      const response = await fetch(given.url + path, { method, headers: { Authorization: `Bearer ${token}` } });
      const body = response.status === 204 ? null : await response.json();
      print("response", id, { status: response.status, body });
    },
    // The page has got another token, or has seen more: that counts from its next connect on.
    authorize(command) {
      token = command.token;
      const { auth, extraHeaders } = options(command.options);
      socket.auth = auth;
      socket.io.opts.extraHeaders = extraHeaders;
    },
    connect() {
      socket.connect();
    },
    disconnect() {
      socket.disconnect();
    },
  };
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { page, do: what, ...command } = JSON.parse(line);
  if (what === "open") {
    pages.set(page, open(page, command));
  } else {
    pages.get(page)[what](command);
  }
});
lines.on("close", () => process.exit());
