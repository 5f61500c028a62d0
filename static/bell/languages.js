/** In which language the bell speaks: that of the page, from files that are loaded only then. */

import { forms } from "./forms.js";
import { STRINGS } from "./strings.js";
import { readable } from "./text.js";

/** @import { languages as Languages, Strings } from "../eventide-bell.js" */
/** @import { Language as Texts } from "./types.js" */

/**
 * A file of the service, not of this module's own place: an application may have bundled this with its own.
 *
 * @param {string} name
 */
const file = (name) => async (/** @type {string} */ service) => {
  const { strings } = /** @type {{ strings: Texts }} */ (await import(`${service}client/bell/strings/${name}.js`));
  return strings({ forms, readable });
};

/** @type {typeof Languages} */
export const languages = { en: STRINGS };
for (const name of ["ar", "de", "es", "fr", "ja"]) languages[name] = file(name);

/**
 * The texts in a language; in English those that it does not have.
 *
 * @param {string} lang
 * @param {string} service its address, with a slash at its end
 * @returns {Promise<Strings>}
 */
export async function stringsOf(lang, service) {
  const locale = canonical(lang);
  for (let tag = locale; tag; tag = tag.replace(/-?[^-]*$/, "")) {
    if (!Object.hasOwn(languages, tag)) continue;
    const known = languages[tag];
    const strings = typeof known === "function" ? await known(service) : known;
    return { ...STRINGS, ...strings, locale };
  }
  return STRINGS;
}

/** @param {string} lang */
function canonical(lang) {
  try {
    return Intl.getCanonicalLocales(lang)[0] ?? "";
  } catch {
    return "";
  }
}

/** The texts for an element, as long as it is watched. */
export class Language {
  /** @type {Strings} */
  strings = STRINGS;
  #element;
  #service;
  #changed;
  #chosen = "en";
  /** @type {MutationObserver | null} */
  #observer = null;

  /**
   * @param {HTMLElement} element
   * @param {() => string} service its address, with a slash at its end
   * @param {() => void} changed
   */
  constructor(element, service, changed) {
    this.#element = element;
    this.#service = service;
    this.#changed = changed;
  }

  watch() {
    this.#observer ??= new MutationObserver(() => this.choose());
    this.#observer.observe(document.documentElement, { attributeFilter: ["lang"] });
    this.choose();
  }

  unwatch() {
    this.#observer?.disconnect();
  }

  /** The element may be in another language now. */
  async choose() {
    const lang = langOf(this.#element);
    if (lang === this.#chosen) return;
    this.#chosen = lang;
    const strings = await stringsOf(lang, this.#service()).catch(() => STRINGS); // better than no texts
    if (lang !== this.#chosen) return;
    this.strings = strings;
    this.#changed();
  }
}

const RIGHT_TO_LEFT = /^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/;

/**
 * The direction that an element's texts need; empty: the one that it has, as the page has set it with the language, or
 * nearer.
 *
 * @param {Element} element
 * @param {string} locale the language that its texts are in
 */
export function directionOf(element, locale) {
  const found = nearest(element, "[lang], [dir]");
  if (!found || found.hasAttribute("dir")) return "";
  if (RIGHT_TO_LEFT.test(locale)) return "rtl";
  return found === document.documentElement ? "" : "ltr";
}

/**
 * As CSS's `:lang` has it.
 *
 * @param {Element} element
 */
const langOf = (element) => nearest(element, "[lang]")?.getAttribute("lang") ?? "";

/**
 * The element itself or the next one around it that is such, through shadow roots.
 *
 * @param {Element} element
 * @param {string} selector
 */
function nearest(element, selector) {
  for (let at = /** @type {Element | undefined} */ (element); at;) {
    const found = at.closest(selector);
    if (found) return found;
    const root = at.getRootNode();
    at = root instanceof ShadowRoot ? root.host : undefined;
  }
  return null;
}
