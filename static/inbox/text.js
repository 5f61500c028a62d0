/** What of a notification is shown as text, and where its link leads. */

/**
 * Where a link leads: a URL when it is http or https, or relative and so on the application's own host; otherwise null.
 *
 * `base`: the application's address.
 */
export function linkOf(link, base) {
  try {
    const url = new URL(link, base);
    if (!["http:", "https:"].includes(url.protocol)) return null;
    // "//evil.example" looks like a path.
    return /^https?:/i.test(link) || url.host === new URL(base).host ? url : null;
  } catch {
    return null;
  }
}

/** The text as nodes, with a <mark> wherever it has what was searched for. */
export function highlighted(text, searched) {
  if (!searched) return [text];
  const pattern = new RegExp(searched.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "giu");
  const nodes = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    const mark = document.createElement("mark");
    mark.textContent = match;
    nodes.push(text.slice(end, index), mark);
    end = index + match.length;
  }
  return [...nodes, text.slice(end)];
}

/** What a notification is called where there is room for a few words. */
export const nameOf = (item) => (item.title || item.message).slice(0, 60);
