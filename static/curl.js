/** Requests as commands to paste. */

/** As JSON, a line for each member. */
const written = (body) => `{${Object.entries(body).map(([name, value]) => `\n    "${name}": ${JSON.stringify(value)}`)}\n  }`;

/** `token`: an administrator's. `body`: none for a request without one. */
export const curl = ({ method = "POST", path, body, token }) => [
  `curl -X ${method} ${location.origin}${path}`,
  `-H 'Authorization: Bearer ${token}'`,
  ...(body ? ["-H 'Content-Type: application/json'", `-d '${written(body).replaceAll("'", "'\\''")}'`] : []),
].join(" \\\n  ");
