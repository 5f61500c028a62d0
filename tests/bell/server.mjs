/** The service, as far as the bell's model sees it. */

export const jwt = (claims) => `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
export const item = (id, more) => ({
  id, kind: "notification", type: "SYSTEM", title: "", message: id, status: "DELIVERED", read: false, seen: false,
  archived: false, userId: "7", ...more,
});
export const many = (count) => Array.from({ length: count }, (_, index) => item(String(9_999 - index)));

/** What the service says: its list, and a socket whose events the test sends. */
export class Server {
  list = [];
  unreadCount = 0;
  unseenCount = 0;
  requests = [];
  sockets = [];
  down = false;
  slow = false; // answers only when `release` is called

  constructor() {
    globalThis.fetch = async (address, { method, headers, body, keepalive = false }) => {
      const { href, pathname, searchParams } = new URL(address);
      const sent = body && JSON.parse(body);
      this.requests.push({ method, href, pathname, token: headers.Authorization, sent, keepalive });
      if (this.down) throw new TypeError("unreachable");
      const [status, answer] = structuredClone(this.answer(method, pathname, searchParams, sent));
      if (this.slow) await new Promise((resolve) => (this.release = resolve));
      return { status, ok: status < 400, json: async () => answer };
    };
  }

  get counts() {
    return { unreadCount: this.unreadCount, unseenCount: this.unseenCount };
  }

  answer(method, path, query, sent) {
    const [, id] = path.split("/v1/notifications")[1].split("/");
    if (id === "unread-count") return [200, this.counts];
    if (id === "actions") return this.act(sent);
    if (path.endsWith("/acknowledge")) return this.acknowledge(id);
    if (method === "PUT") return [200, item(id, { action: { id: sent.actionId, at: "then" } })];
    const end = this.list.findIndex(({ id }) => id === query.get("cursor")) + 1;
    const page = this.list.slice(end, end + Number(query.get("limit")));
    const nextCursor = page.at(-1) === this.list.at(-1) ? null : page.at(-1).id;
    return [200, { notifications: page, ...this.counts, nextCursor }];
  }

  acknowledge(id) {
    return [200, item(id, { acknowledgedAt: "then" })];
  }

  act({ action, ids }) {
    const mine = this.list.filter(({ id }) => !ids || ids.includes(id));
    if (ids && !mine.length) return [404, { code: "not_found" }];
    if (action === "delete") this.list = this.list.filter((each) => !mine.includes(each));
    return [200, { ids: mine.map(({ id }) => id), ...this.counts }];
  }

  io = (_address, { auth }) => {
    const listeners = new Map();
    const socket = {
      active: true, connected: true, io: {},
      on: (event, listener) => listeners.set(event, listener),
      off: () => listeners.clear(),
      disconnect: () => (socket.connected = false),
      emit: (...event) => socket.sent.push(event.slice(0, 2)),
      tell: (event, payload) => listeners.get(event)?.(payload),
      sent: [],
    };
    this.sockets.push(socket);
    auth((sent) => (socket.auth = sent));
    return socket;
  };

  get socket() {
    return this.sockets.at(-1);
  }

  /** What was done, in order. */
  get done() {
    return this.requests.filter(({ pathname }) => pathname.endsWith("/actions")).map(({ sent }) => sent);
  }

  get lists() {
    return this.requests.filter(({ method }) => method === "GET").length;
  }
}
