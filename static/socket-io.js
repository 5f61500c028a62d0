/** Socket.IO's browser client: where it comes from. */

const SCRIPT = "/socket.io/socket.io.js";

/**
 * Load Socket.IO's client and return `{io, fromCdn}`; rejects when it cannot be had.
 *
 * The server hands out its own copy, or, where that is missing, redirects to the public CDN. Either must have the hash
 * that the server knows. (The page cannot name it in a plain <script> tag, because it changes with the version.)
 */
export async function loadSocketIo() {
  const [known, head] = await Promise.all([
    fetch("/client/vendor/integrity.json").then((answer) => (answer.ok ? answer.json() : null)),
    fetch(SCRIPT, { method: "HEAD", redirect: "manual" }),
  ]);
  if (!known) throw new Error("Socket.IO's client is not known here");
  const script = document.createElement("script");
  script.crossOrigin = "anonymous"; // without it a hash cannot be checked across origins
  script.integrity = known.files["socket.io.js"].integrity;
  script.src = SCRIPT;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${SCRIPT} could not be loaded`));
    document.head.append(script);
  });
  return { io: window.io, fromCdn: head.type === "opaqueredirect" };
}
