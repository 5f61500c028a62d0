/** Whose token it is: pasted, or the demo's administrator's. It is kept until the tab is closed, and never in an address. */

import { Identity, Problem, fetchDemo } from "../rest.js";

const KEPT = "eventide.admin.token";

/** @type {Record<string, string>} */
const REFUSALS = {
  unauthorized: "The token is not valid on this server.",
  token_missing: "Paste a token or an API key.",
  token_expired: "The token has expired: paste a new one.",
  token_invalid: "The token is not valid on this server.",
  token_revoked: "The token has been revoked.",
  forbidden: "This token is not an administrator’s.",
};

/** @type {Identity | null} */
let identity = null;

/** The token that was pasted in this tab, if any. */
export const keptToken = () => sessionStorage.getItem(KEPT) ?? "";

/** @param {string} token */
export function signIn(token) {
  sessionStorage.setItem(KEPT, token);
  identity = new Identity(async () => token);
}

/** With the demo's own token, which is renewed when it expires. */
export function signInToDemo() {
  identity = new Identity(async () => (await fetchDemo()).adminToken);
}

export function signOut() {
  sessionStorage.removeItem(KEPT);
  identity = null;
}

/**
 * The answer to a request as the administrator; rejects with a `Problem`. A server that says nothing for `within`
 * milliseconds counts as away.
 *
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {{ headers?: Record<string, string>, within?: number }} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, body, { headers, within = 30_000 } = {}) {
  if (!identity) throw new Problem(401, { code: "token_missing", detail: REFUSALS.token_missing });
  return identity.call(method, path, body, headers, AbortSignal.timeout(within));
}

/**
 * What is at this address, as it is; rejects with a `Problem`.
 *
 * @param {string} path
 */
export async function fetchFile(path) {
  const token = await identity?.renew();
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  if (!answer) throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached." });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => undefined));
  return answer.blob(); // rejects when the connection is closed before the end
}

/**
 * Why the server lets nobody in with this token; null: the problem is another one.
 *
 * @param {unknown} problem
 */
export function refusal(problem) {
  if (!(problem instanceof Problem && [401, 403].includes(problem.status))) return null;
  return REFUSALS[problem.code] ?? problem.message;
}
