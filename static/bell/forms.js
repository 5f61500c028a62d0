/** Texts with a number in them. */

/**
 * One text for each plural form that the language has; `#` is the number.
 *
 * @param {string} locale
 * @param {Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }} texts
 * @returns {(count: number) => string}
 */
export function forms(locale, texts) {
  const rules = new Intl.PluralRules(locale);
  const number = new Intl.NumberFormat(locale);
  return (count) => (texts[rules.select(count)] ?? texts.other).replace("#", number.format(count));
}
