/** What goes over a connection: every frame of it can be watched, and the connection can be cut without a goodbye. */

const KINDS = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"]; // of Socket.IO packets
const TOKEN = /eyJ[\w-]*\.[\w-]+\.[\w-]*/g;

/**
 * The connections, one after the other, of a socket of the stock client.
 *
 * `onFrame` is told of every Engine.IO packet in either direction: `{incoming, lost, name, detail, summary, payload}`.
 * `lost`: it got nowhere, because the connection was cut. `detail`: all of it in words; `summary`: of a notification,
 * what it is about. `payload`: what comes with an event.
 */
export class Wiretap {
  #manager;
  #onFrame;
  #cut = false;

  constructor(socket, onFrame) {
    this.#manager = socket.io;
    this.#onFrame = onFrame;
    this.#watch(socket.io.engine);
    const { open } = socket.io; // also called for each reconnection, and makes a new engine then
    socket.io.open = (...rest) => {
      const before = this.#manager.engine;
      open.apply(this.#manager, rest);
      if (this.#manager.engine !== before) this.#watch(this.#manager.engine);
      return this.#manager;
    };
  }

  /**
   * Cut the connection, as when a phone leaves its network: nothing passes in either direction any more, and neither
   * side is told. To the server it stays open. Returns a function that lets the client notice, so that it reconnects.
   */
  cut() {
    const { transport } = this.#manager.engine;
    const noticed = transport.onClose;
    this.#cut = true;
    transport.onPacket = (packet) => this.#tell(packet, true);
    transport.send = () => {}; // what is written waits in the engine, and is dropped with it
    transport.onClose = () => {};
    return () => {
      this.#cut = false;
      transport.onPacket = () => {}; // the server goes on writing to it, for as long as it waits for an answer
      // What the transport does when its network is lost. The WebSocket itself stays open and unanswered.
      noticed.call(transport, { description: "cut" });
    };
  }

  #watch(engine) {
    engine?.on("packet", (packet) => this.#tell(packet, true));
    engine?.on("packetCreate", (packet) => this.#tell(packet, false));
  }

  #tell(packet, incoming) {
    this.#onFrame({ incoming, lost: this.#cut, ...describe(packet) });
  }
}

/** An Engine.IO packet in words: `notification {…}` for an event, `ping`, `CONNECT /notifications,{…}`. */
function describe({ type, data }) {
  if (type !== "message" || typeof data !== "string") return { name: type, detail: hideTokens(String(data ?? "")) };
  const [, kind, namespace = "", id, body] = /^(\d)(?:(\/[^,]*),)?(\d*)(.*)$/s.exec(data) ?? [];
  const named = KINDS[kind] ?? "?";
  if (named !== "EVENT") return { name: named, detail: hideTokens([id, namespace, body].filter(Boolean).join(" ")) };
  const [name, ...payload] = JSON.parse(body);
  const detail = payload.map((each) => JSON.stringify(each)).join(", ");
  const summary = payload[0]?.title || payload[0]?.message;
  return { name, detail: hideTokens(id ? `${detail} · wants ACK ${id}` : detail), summary, payload: payload[0] };
}

/** Tokens open accounts, and a log is what people copy and show around. */
const hideTokens = (text) => text.replace(TOKEN, "eyJ…");
