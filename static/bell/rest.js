/** Requests to the REST API. */

/** What the server answered instead of what was asked for: its `application/problem+json`. */
export class Problem extends Error {
  constructor(status, { code = "unknown", detail = `The server answered ${status}.`, errors = [] } = {}) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}

/** What the server answers; raises `Problem` for anything but success. */
export async function request(token, method, address, body) {
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
