/** Socket.IO's browser client. */

/** @import { Io } from "./types.js" */

/** @type {Map<string, Promise<Io>>} */
const scripts = new Map();
/** @type {Promise<unknown>} */
let turn = Promise.resolve(); // one script at a time

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
  const loading = turn.then(() => loadScript(base));
  turn = loading.catch(() => {});
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
  const caught = catchIo(script);
  try {
    await new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
      document.head.append(script);
    });
  } finally {
    script.remove();
    caught.end();
  }
  if (!caught.io) throw new Error(`${script.src} is no client`);
  return caught.io;
}

/**
 * What this script sets as the global `io`, until `end`. What the page calls so stays the page's, also if it sets it
 * meanwhile.
 *
 * @param {HTMLScriptElement} script
 */
function catchIo(script) {
  /** @type {{ io: Io | undefined, end: () => void }} */
  const caught = { io: undefined, end: () => {} };
  const before = Object.getOwnPropertyDescriptor(globalThis, "io");
  let own = globalThis.io;
  if (before && !before.configurable) { // the page has declared it
    caught.end = () => {
      if (globalThis.io !== own) caught.io = globalThis.io;
      globalThis.io = own;
    };
    return caught;
  }
  Object.defineProperty(globalThis, "io", {
    configurable: true,
    enumerable: true,
    get: () => own,
    set: (value) => {
      if (document.currentScript === script) caught.io = value;
      else own = value;
    },
  });
  caught.end = () => {
    delete globalThis.io;
    if (before || own !== undefined) globalThis.io = own;
  };
  return caught;
}
