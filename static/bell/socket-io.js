/** Socket.IO's browser client. */

/** @import { Io } from "./types.js" */

/** @type {Map<string, Promise<Io>>} */
const scripts = new Map();

/**
 * Socket.IO's client: the page's own, or the service's, which is loaded once.
 *
 * The service hands out its own copy, or, where that is missing, redirects to a public CDN. Either must have the hash
 * that the service knows.
 *
 * @param {string} base
 * @returns {Io | Promise<Io>}
 */
export function loadSocketIo(base) {
  if (globalThis.io?.protocol === 5) return globalThis.io;
  const before = scripts.get(base);
  if (before) return before;
  const loading = loadScript(base);
  scripts.set(base, loading);
  loading.catch(() => scripts.delete(base)); // the next one tries again
  return loading;
}

/** @param {string} base */
async function loadScript(base) {
  const name = "socket.io.min.js";
  const known = await fetch(`${base}client/vendor/integrity.json`);
  if (!known.ok) throw new Error("Socket.IO's client is not known here");
  const script = document.createElement("script");
  script.crossOrigin = "anonymous"; // without it a hash cannot be checked across origins
  script.integrity = (await known.json()).files[name].integrity;
  script.src = `${base}socket.io/${name}`;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
  script.remove();
  const { io } = globalThis;
  if (!io) throw new Error(`${script.src} is no client`);
  delete globalThis.io; // what the page calls so is the page's
  return io;
}
