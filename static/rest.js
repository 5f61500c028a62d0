/** REST calls, whose errors can be shown to a reader, and the tokens to make them with. */

/** What the server answered instead of what was asked for: its `application/problem+json`. */
export class Problem extends Error {
  /**
   * @param {number} status HTTP's; 0: the server cannot be reached
   * @param {{ code?: string, detail?: string, errors?: { field: string, message: string }[] }} problem
   */
  constructor(status, { code = "unknown", detail = `The server answered ${status}.`, errors = [] } = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** @typedef {Record<string, string>} Headers */

/**
 * @param {string | null | undefined} token
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Headers} [more]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
async function request(token, method, path, body, more = {}, signal) {
  /** @type {Headers} */
  const headers = { Accept: "application/json", ...more };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    // keepalive: marking as read must survive that the reader follows the notification's link at the same time.
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), keepalive: method === "PUT", signal });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached." });
  }
  const content = answer.status === 204 ? null : await answer.json().catch(() => undefined);
  if (!answer.ok || content === undefined) throw new Problem(answer.status, content);
  return content;
}

/** Somebody with a token. Where the token comes from is up to `source`, an async function. */
export class Identity {
  #source;
  /** @type {string | undefined} */
  #token;

  /** @param {() => Promise<string>} source */
  constructor(source) {
    this.#source = source;
  }

  /** A new token, or the last one while there is no new one to be had. Never rejects. */
  async renew() {
    try {
      this.#token = await this.#source();
    } catch {
      // The server cannot be reached. If the last token is no good either, whoever uses it is told why.
    }
    return this.#token;
  }

  /**
   * The answer to a REST call, with these headers; rejects with a `Problem`, also when `signal` ends it. A refused token
   * is renewed once.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {Headers} [headers]
   * @param {AbortSignal} [signal]
   */
  async call(method, path, body, headers, signal) {
    try {
      return await request(this.#token ?? (await this.renew()), method, path, body, headers, signal);
    } catch (problem) {
      if (!(problem instanceof Problem && problem.status === 401)) throw problem;
      return request(await this.renew(), method, path, body, headers, signal);
    }
  }
}

/**
 * In demo mode `{users: [{id, name, token}], adminToken, time, canStop}`, with new tokens each time; otherwise a `Problem`.
 *
 * `ttl`: how many seconds they live, up to an hour.
 */
export const fetchDemo = (ttl = 3600) => request(null, "GET", `/client/demo.json?ttl=${ttl}`);

/**
 * Why the server refuses a client, by the code that it gives.
 *
 * @type {Record<string, string>}
 */
export const REFUSALS = {
  token_missing: "No token was sent.",
  token_expired: "The token has expired: paste a new one.",
  token_revoked: "The token was revoked: paste a new one.",
  token_invalid: "The token is not valid on this server.",
  unavailable: "The server is full or stopping. Trying again every few seconds.",
};

/** The token that the reader pasted, for both pages, until the tab is closed. */
export const pasted = {
  get: () => sessionStorage.getItem("eventide.token") ?? "",
  set: (/** @type {string} */ token) => sessionStorage.setItem("eventide.token", token),
};
