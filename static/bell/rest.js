/** Requests to the REST API. */

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

// Browsers take this much for a page that is gone, of all its requests together, and refuse what is more.
const KEPT_ALIVE = 65_536;
let keptAlive = 0;

const ANSWER_WITHIN = 30_000; // milliseconds

/**
 * What the server answers; raises `Problem` for anything but success.
 *
 * @param {string | null} token
 * @param {string} method
 * @param {string} address
 * @param {object} [content]
 * @returns {Promise<any>}
 */
export async function request(token, method, address, content) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  if (content !== undefined) headers["Content-Type"] = "application/json";
  const body = content === undefined ? undefined : JSON.stringify(content);
  const size = body ? new TextEncoder().encode(body).length : 0;
  // A change must survive that the user follows the notification's link, or closes the tab, at the same time.
  const keepalive = method !== "GET" && keptAlive + size <= KEPT_ALIVE;
  if (keepalive) keptAlive += size;
  let answer;
  try {
    answer = await fetch(address, { method, headers, body, keepalive, signal: AbortSignal.timeout(ANSWER_WITHIN) });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached." });
  } finally {
    if (keepalive) keptAlive -= size;
  }
  const result = answer.status === 204 ? null : await answer.json().catch(() => undefined);
  if (!answer.ok || result === undefined) throw new Problem(answer.status, result);
  return result;
}
