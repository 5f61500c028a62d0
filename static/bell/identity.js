/** Who a token belongs to, so that only tabs of one user share anything. */

const RENEWED = new Set(["exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash"]);

/**
 * What all tokens of one user have in common, and those of another have not; null when this is no JWT.
 *
 * Which claim names the user is the server's setting. So all claims count, except those that are another with each
 * token: whoever agrees in all of them is the same user, whichever claim it is. Two tokens of one user that differ in
 * more than these do not share a connection, which costs a socket and shows nobody what is not theirs.
 *
 * @param {string} token
 */
export function identityOf(token) {
  try {
    const part = token.replace(/^Bearer\s+/i, "").split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const text = new TextDecoder().decode(Uint8Array.from(atob(part), (character) => character.charCodeAt(0)));
    const claims = Object.entries(JSON.parse(text)).filter(([name]) => !RENEWED.has(name));
    return JSON.stringify(claims.sort(([a], [b]) => (a < b ? -1 : 1)));
  } catch {
    return null;
  }
}

/**
 * The name under which the tabs of one user find each other; null where they cannot, or must not.
 *
 * @param {string} base
 * @param {string | null} identity
 */
export async function sharedName(base, identity) {
  if (!identity || !navigator.locks || !globalThis.BroadcastChannel || !globalThis.crypto?.subtle) return null;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${base} ${identity}`));
  return `eventide:${[...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
