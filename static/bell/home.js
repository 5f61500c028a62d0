/** Where the service is. */

const { href, pathname } = new URL(import.meta.url);

/**
 * The service that this file came from, if it was not told another address. As a module this is client/bell/home.js;
 * in the bundle it is part of client/eventide-bell.js.
 */
export const HOME = new URL(pathname.endsWith("/bell/home.js") ? "../.." : "..", href).href;

/**
 * A service's address, with a slash at its end.
 *
 * @param {string} url
 */
export const serviceAt = (url) => new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI).href;
