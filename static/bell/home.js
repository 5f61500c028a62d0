/**
 * The service that this file came from, if it was not told another address. As a module this is client/bell/home.js;
 * in the bundle it is part of client/eventide-bell.js.
 */
const { href, pathname } = new URL(import.meta.url);

export const HOME = new URL(pathname.endsWith("/bell/home.js") ? "../.." : "..", href).href;
