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

/**
 * What the server answers; raises `Problem` for anything but success.
 *
 * @param {string | null} token
 * @param {string} method
 * @param {string} address
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function request(token, method, address, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    // keepalive: a change must survive that the reader follows the notification's link at the same time.
    answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), keepalive: method !== "GET" });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached." });
  }
  const content = answer.status === 204 ? null : await answer.json().catch(() => undefined);
  if (!answer.ok || content === undefined) throw new Problem(answer.status, content);
  return content;
}
