/** The looks. */

const CSS = `
:host {
  --_accent: var(--eventide-accent, light-dark(#a8395f, #f0a07c));
  --_accent-ink: var(--eventide-accent-ink, light-dark(#fff, #24132a));
  --_surface: var(--eventide-surface, light-dark(#fffefd, #1a1931));
  --_ink: var(--eventide-ink, light-dark(#221f3d, #ece8f7));
  --_soft: var(--eventide-soft, light-dark(#625d7c, #aaa4c4));
  --_line: var(--eventide-line, light-dark(#e8e4f0, #302d4c));
  --_hover: var(--eventide-hover, light-dark(#f5f2fa, #24223f));
  --_unread: var(--eventide-unread, light-dark(#fdf4f1, #241f3c));
  --_badge: var(--eventide-badge, light-dark(#c22f56, #f0a07c));
  --_badge-ink: var(--eventide-badge-ink, light-dark(#fff, #24132a));
  --_focus: var(--eventide-focus, light-dark(#5b3fd0, #b9a6ff));
  --_good: var(--eventide-good, light-dark(#1f7a55, #7fd6ae));
  --_warn: var(--eventide-warn, light-dark(#a3590f, #f3b56f));
  --_bad: var(--eventide-bad, light-dark(#a3202b, #ff9d9d));
  --_radius: var(--eventide-radius, 14px);
  --_shadow: var(--eventide-shadow, 0 0 0 1px light-dark(rgb(34 31 61 / 8%), rgb(255 255 255 / 9%)), 0 2px 6px rgb(16 15 33 / 8%), 0 18px 48px -12px light-dark(rgb(34 31 61 / 32%), rgb(0 0 0 / 75%)));
  --_font: var(--eventide-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif);
  --_size: var(--eventide-size, 2.5rem);
  display: inline-block;
  vertical-align: middle;
}
@supports not (color: light-dark(red, red)) {
  :host {
    --_accent: var(--eventide-accent, #a8395f); --_accent-ink: var(--eventide-accent-ink, #fff); --_surface: var(--eventide-surface, #fffefd);
    --_ink: var(--eventide-ink, #221f3d); --_soft: var(--eventide-soft, #625d7c); --_line: var(--eventide-line, #e8e4f0);
    --_hover: var(--eventide-hover, #f5f2fa); --_unread: var(--eventide-unread, #fdf4f1); --_badge: var(--eventide-badge, #c22f56);
    --_badge-ink: var(--eventide-badge-ink, #fff); --_focus: var(--eventide-focus, #5b3fd0); --_good: var(--eventide-good, #1f7a55);
    --_warn: var(--eventide-warn, #a3590f); --_bad: var(--eventide-bad, #a3202b); --_shadow: var(--eventide-shadow, 0 18px 48px -12px rgb(34 31 61 / 32%));
  }
}
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, p, ul { margin: 0; padding: 0; }
button, a { font: inherit; color: inherit; text-align: inherit; text-decoration: none; }
button { margin: 0; border: 0; padding: 0; background: none; cursor: pointer; }
[aria-disabled="true"] { opacity: 0.45; cursor: default; }
svg { display: block; fill: none; stroke: currentcolor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--_focus); outline-offset: 2px; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

/* The bell */

.bell { position: relative; display: grid; place-items: center; inline-size: var(--_size); block-size: var(--_size); border-radius: 50%; color: var(--eventide-bell, inherit); }
.bell:hover, .bell[aria-expanded="true"] { background: color-mix(in srgb, currentcolor 10%, transparent); }
.bell svg { inline-size: 60%; block-size: 60%; transform-origin: 50% 10%; }
.badge {
  position: absolute;
  inset-block-start: 0;
  inset-inline-start: 52%;
  min-inline-size: 1.125rem;
  block-size: 1.125rem;
  padding-inline: 0.3125rem;
  border-radius: 999px;
  font: 700 0.6875rem/1.125rem var(--_font);
  font-variant-numeric: tabular-nums;
  text-align: center;
  color: var(--_badge-ink);
  background: var(--_badge);
}
.lamp { position: absolute; inset-block-end: 14%; inset-inline-end: 12%; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--_soft); box-shadow: 0 0 0 2px var(--_surface); }
.lamp[data-state="live"], .lamp[data-state="connecting"] { display: none; }
.lamp[data-state="reconnecting"], .lamp[data-state="offline"] { background: var(--_warn); }
.lamp[data-state="refused"] { background: var(--_bad); }

/* The panel */

.panel {
  position: fixed;
  z-index: 2147483000;
  inset: auto;
  flex-direction: column;
  inline-size: min(var(--eventide-panel-width, 25rem), 100vw - 1rem);
  max-inline-size: none;
  max-block-size: min(var(--eventide-panel-height, 36rem), var(--_room, 36rem));
  margin: 0;
  border: 0;
  padding: 0;
  overflow: hidden;
  font: 0.875rem/1.45 var(--_font);
  color: var(--_ink);
  background: var(--_surface);
  border-radius: var(--_radius);
  box-shadow: var(--_shadow);
  overflow-wrap: anywhere;
}
.panel.is-open { display: flex; }
.panel:not(.is-open) { display: none; }
.panel:focus-visible { outline: none; }
header { container-type: inline-size; display: flex; flex: none; align-items: center; gap: 0.625rem; padding-block: 0.625rem; padding-inline: 1rem 0.75rem; }
.heading { flex: 1 1 0; min-inline-size: 0; hyphens: auto; }
header .quiet { flex: 0 1 auto; max-inline-size: 45%; text-align: end; line-height: 1.25; }
header .quiet svg { display: none; inline-size: 1.25rem; block-size: 1.25rem; }
@container (max-inline-size: 20rem) { /* the text is the button's name all the same */
  header h2 { font-size: 0.8125rem; }
  header .quiet { flex: none; padding-inline: 0.25rem; }
  header .quiet svg { display: block; }
  header .quiet span { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }
}
h2 { font: 650 1rem/1.5 var(--_font); }
.state { font-size: 0.75rem; line-height: 1.25; color: var(--_soft); }
.state::before { content: ""; display: inline-block; margin-inline-end: 0.375rem; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--_soft); }
.state[data-state="live"]::before { background: var(--_good); }
.state:is([data-state="reconnecting"], [data-state="offline"])::before { background: var(--_warn); }
.state[data-state="refused"]::before { background: var(--_bad); }
.quiet { flex: none; padding: 0.3rem 0.625rem; border-radius: 8px; font-size: 0.8125rem; font-weight: 550; color: var(--_accent); }
.quiet:hover:not([aria-disabled="true"]) { background: var(--_hover); }
.tabs { display: flex; flex: none; gap: 0.25rem; padding-inline: 0.625rem; overflow-x: auto; scrollbar-width: none; }
.tab { flex: none; display: flex; gap: 0.375rem; align-items: center; padding-block: 0.375rem 0.5rem; padding-inline: 0.5rem; border-block-end: 2px solid transparent; font-size: 0.8125rem; font-weight: 550; color: var(--_soft); }
.tab:hover { color: var(--_ink); }
.tab[aria-selected="true"] { color: var(--_ink); border-color: var(--_accent); }
.tab:focus-visible { outline-offset: -2px; border-radius: 6px; }
.count { min-inline-size: 1.25rem; padding-inline: 0.3125rem; border-radius: 999px; font-size: 0.6875rem; line-height: 1.25rem; text-align: center; font-variant-numeric: tabular-nums; color: var(--_ink); background: var(--_line); }
.count:empty { display: none; }
.scroll { border-block-start: 1px solid var(--_line); flex: 1 1 auto; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: color-mix(in srgb, var(--_soft) 45%, transparent) transparent; }
.list { list-style: none; }
.more { padding: 0.75rem; text-align: center; font-size: 0.75rem; color: var(--_soft); }
.more:empty { display: none; }
footer { flex: none; border-block-start: 1px solid var(--_line); text-align: center; }
footer a { display: block; padding: 0.625rem; font-size: 0.8125rem; font-weight: 550; color: var(--_accent); }
footer a:hover { background: var(--_hover); }
footer a:focus-visible { outline-offset: -3px; border-radius: var(--_radius); }
.notice { display: flex; flex: none; align-items: center; justify-content: space-between; gap: 1rem; padding-block: 0.375rem; padding-inline: 1rem 0.75rem; min-block-size: 2.75rem; font-size: 0.8125rem; border-block-start: 1px solid var(--_line); background: var(--_hover); }

/* A notification */

/* Laid out as blocks, which is less work than a grid; and by itself, so that no row is laid out anew for another. */
.row { contain: layout style; padding-block: 0.75rem; padding-inline: 4rem 2.25rem; min-block-size: 3.75rem; }
.entry .row { border-block-start: 1px solid var(--_line); }
.day { padding-block: 0.875rem 0.375rem; padding-inline: 1rem; font: 600 0.75rem/1.25 var(--_font); color: var(--_soft); }
.row:hover { background: var(--_hover); }
.row.is-unread { background: var(--_unread); }
.row.is-unread:hover { background: color-mix(in srgb, var(--_unread) 55%, var(--_hover)); }
.main { display: block; min-inline-size: 0; inline-size: 100%; cursor: pointer; }
.main::after { content: ""; position: absolute; inset: 0; } /* all of the row can be clicked */
.main:focus-visible { outline: none; }
.main:focus-visible::after { outline: 2px solid var(--_focus); outline-offset: -3px; border-radius: 8px; }
.meta { display: block; }
/* On the side of the list's direction, whatever the text's is; Chromium and Safari know the first, Firefox the second. */
.title, .message { text-align: -webkit-match-parent; text-align: match-parent; }
.title, .message { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: clip; }
.title, .message.alone { font-weight: 500; color: var(--_ink); }
.is-unread :is(.title, .message.alone) { font-weight: 650; }
.message { color: var(--_soft); white-space: pre-line; }
.message.alone { -webkit-line-clamp: 3; }
.unfolded :is(.title, .message) { -webkit-line-clamp: none; }
.row:is([part~="item-required"]) { box-shadow: inset 3px 0 var(--_accent); }
.row:is([part~="item-required"]):dir(rtl) { box-shadow: inset -3px 0 var(--_accent); }
.choices { position: relative; z-index: 1; display: flex; flex-wrap: wrap; gap: 0.5rem; inline-size: fit-content; margin-block-start: 0.5rem; }
.choice { display: flex; align-items: center; gap: 0.25rem; padding: 0.25rem 0.75rem; border: 1px solid var(--_line); border-radius: 8px; font-size: 0.8125rem; font-weight: 550; text-align: center; background: var(--_surface); }
.choice:hover:not([aria-disabled="true"]) { background: var(--_hover); }
.choice.primary { border-color: transparent; color: var(--_accent-ink); background: var(--_accent); }
.choice.primary:hover:not([aria-disabled="true"]) { background: color-mix(in srgb, var(--_accent) 88%, var(--_ink)); }
.choice svg { display: none; inline-size: 1em; block-size: 1em; }
.choice[aria-pressed="true"] { opacity: 1; color: var(--_good); border-color: currentcolor; background: none; }
.choice[aria-pressed="true"] svg { display: block; stroke-width: 2.5; }
.meta { padding-block-start: 0.1875rem; font-size: 0.75rem; color: var(--_soft); }
.dot { position: absolute; inset-block: 0; inset-inline-end: 1rem; margin-block: auto; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; }
.is-unread .dot { background: var(--_accent); }

.glyph { position: absolute; inset-block-start: 0.75rem; inset-inline-start: 1rem; display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem; border-radius: 50%; color: light-dark(color-mix(in srgb, var(--_hue) 88%, #000), color-mix(in srgb, var(--_hue) 42%, #fff)); background: light-dark(color-mix(in srgb, var(--_hue) 15%, var(--_surface)), color-mix(in srgb, var(--_hue) 36%, var(--_surface))); }
.glyph svg { inline-size: 1.375rem; block-size: 1.375rem; }
.glyph > * { grid-area: 1 / 1; }
.glyph img { inline-size: 100%; block-size: 100%; border-radius: inherit; object-fit: cover; background: var(--_surface); }
[data-shade="0"] { --_hue: #5a4fc8; }
[data-shade="1"] { --_hue: #b3477f; }
[data-shade="2"] { --_hue: #c6573b; }
[data-shade="3"] { --_hue: #2f73a6; }
[data-shade="4"] { --_hue: #94691c; }
[data-shade="5"] { --_hue: #2f7f6c; }
[data-shade="announcement"] { --_hue: #b8583f; }

.actions { position: absolute; z-index: 1; inset-block-start: 0.5rem; inset-inline-end: 0.5rem; display: flex; gap: 0.125rem; padding: 0.125rem; border-radius: 10px; background: var(--_surface); box-shadow: 0 0 0 1px var(--_line), 0 2px 8px rgb(16 15 33 / 10%); }
.icon { display: grid; place-items: center; inline-size: 1.75rem; block-size: 1.75rem; border-radius: 8px; color: var(--_soft); }
.icon:hover { color: var(--_ink); background: var(--_hover); }
.icon svg { inline-size: 1.125rem; block-size: 1.125rem; }
@media (hover: hover) {
  /* Nothing of them can be seen then: they have no pictures yet, or those are not shown. Less work than opacity. */
  .list .row:not(:hover, :focus-within) .actions { background: none; box-shadow: none; }
  .list .row:not(:hover, :focus-within) .actions svg { display: none; }
}
@media (hover: none) { /* beside the time, where there is nothing to be hidden */
  .list .actions { inset-block: auto 0.125rem; inset-inline-end: 1.25rem; gap: 0; padding: 0; background: none; box-shadow: none; }
  .list .meta { padding-inline-end: 6.75rem; }
  .icon { inline-size: 2.25rem; block-size: 2.25rem; }
  .list .dot { align-self: start; margin-block-start: 0.4rem; }
}

/* In place of a list */

.note { display: grid; justify-items: center; gap: 0.25rem; padding: 2.5rem 1.5rem; text-align: center; color: var(--_soft); }
.note:empty { display: none; }
.note svg { inline-size: 2.25rem; block-size: 2.25rem; margin-block-end: 0.5rem; stroke-width: 1.3; opacity: 0.8; }
.note .lead { font-size: 0.9375rem; font-weight: 600; color: var(--_ink); }
.note[data-situation="stale"] { display: flex; justify-content: space-between; gap: 0.75rem; padding-block: 0.5rem; padding-inline: 1rem 0.75rem; text-align: start; font-size: 0.8125rem; color: var(--_ink); background: color-mix(in srgb, var(--_bad) 12%, var(--_surface)); border-block-end: 1px solid var(--_line); }
.note[data-situation="stale"] .primary { flex: none; margin: 0; padding-block: 0.25rem; }
.note[data-situation="loading"] { justify-items: stretch; gap: 1.25rem; padding: 1rem; }
.bones { block-size: 2.25rem; border-radius: 8px; background: linear-gradient(var(--_line), var(--_line)) 3rem 0.25rem / 55% 0.625rem no-repeat, linear-gradient(var(--_line), var(--_line)) 3rem 1.375rem / 75% 0.625rem no-repeat, radial-gradient(circle at 1.125rem 1.125rem, var(--_line) 1.0625rem, transparent 1.125rem); }
.bones:dir(rtl) { transform: scaleX(-1); }
.note .primary { margin-block-start: 0.75rem; padding: 0.4375rem 1.125rem; border-radius: 999px; font-weight: 600; color: var(--_accent-ink); background: var(--_accent); }
.note .primary:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_ink)); }

/* Toasts */

.toasts { position: fixed; z-index: 2147483001; inset: auto; inset-block-end: 1rem; inset-inline-end: 1rem; flex-direction: column; gap: 0.625rem; inline-size: min(23rem, 100vw - 2rem); margin: 0; border: 0; padding: 0; overflow: visible; font: 0.875rem/1.45 var(--_font); color: var(--_ink); background: none; overflow-wrap: anywhere; }
.toasts:not([hidden]) { display: flex; }
.toasts[data-place^="top"] { inset-block: 1rem auto; }
.toasts[data-place$="start"] { inset-inline: 1rem auto; }
.toasts[data-place$="center"] { inset-inline: 0; margin-inline: auto; }
.more-toasts { align-self: center; padding: 0.25rem 0.875rem; border-radius: 999px; font-size: 0.8125rem; font-weight: 600; color: var(--_ink); background: var(--_surface); box-shadow: var(--_shadow); }
.more-toasts:hover { background: var(--_hover); }
.toast, .toast.row.is-unread { padding-inline-end: 2.75rem; border: 0; border-radius: var(--_radius); background: var(--_surface); box-shadow: var(--_shadow); }
.toast .dot { display: none; }
.toast .actions { position: absolute; margin: 0; background: none; box-shadow: none; }

@media (prefers-reduced-motion: no-preference) {
  .panel.is-open { animation: drop 0.14s ease-out; }
  .toast:not(.of-many) { animation: rise 0.22s cubic-bezier(0.2, 0.9, 0.3, 1.1); }
  .bell.rings svg { animation: ring 0.7s ease-in-out; }
  .lamp:is([data-state="reconnecting"]), .state:is([data-state="connecting"], [data-state="reconnecting"])::before { animation: breathe 1.2s ease-in-out infinite alternate; }
  .bones { animation: breathe 0.9s ease-in-out infinite alternate; }
  @keyframes drop { from { opacity: 0; transform: translateY(-6px); } }
  @keyframes rise { from { opacity: 0; transform: translateY(12px); } }
  @keyframes breathe { to { opacity: 0.4; } }
  @keyframes ring { 20% { rotate: 14deg; } 45% { rotate: -11deg; } 70% { rotate: 6deg; } }
}

/* High contrast modes drop backgrounds: what they said is said by borders. */
@media (forced-colors: active) {
  .badge, .panel, .toast, .note .primary, .choice, .more-toasts { border: 1px solid CanvasText; }
  .is-unread .dot, .lamp, .state::before { border: 4px solid Highlight; }
}
`;

/** @type {CSSStyleSheet | null} */
let shared = null;

/** The style sheet of all bells. Not a <style> element, which a page's Content-Security-Policy might forbid. */
export function sheet() {
  if (!shared) {
    shared = new CSSStyleSheet();
    shared.replaceSync(CSS);
  }
  return shared;
}
