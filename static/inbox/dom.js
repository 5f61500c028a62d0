/** Elements, made one by one: nothing that a notification says is ever parsed as HTML. */

const PATHS = {
  archive: "M4 5h16v4H4zM5.500 9v10h13V9M10 12.500h4",
  back: "M4 13.500 6.500 5h11L20 13.500V19H4zM4 13.500h4.500l1.500 2.500h4l1.500-2.500H20",
  check: "m5 12.500 4.500 4.500L19 7.500",
  letter: "M4 6.500h16v11H4zM4 7.500l8 6 8-6",
  bin: "M5 7h14M10 7V5h4v2M7 7l.8 12h8.400L17 7M10.500 10.500v5M13.500 10.500v5",
  keys: "M3 6.500h18v11H3zM6.500 10h.01M10 10h.01M14 10h.01M17.500 10h.01M8 14h8",
};

/** An element: attributes by name, listeners as functions by `on…`, children as elements or text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** What gives a new element like the one that is made here, once: a copy is made faster. */
export function copied(make) {
  let known;
  return () => (known ??= make()).cloneNode(true);
}

export const button = (attributes, ...children) => h("button", { type: "button", ...attributes }, ...children);

/** Only what changed is written, so that a selection stays and nothing is read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const pictures = new Map();

export function icon(name) {
  if (!pictures.has(name)) pictures.set(name, picture(name));
  return pictures.get(name).cloneNode(true);
}

function picture(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/**
 * Runs `draw` with a frame, once however often that is asked for before: `soon` with the next one; `later` not within
 * `pause` milliseconds after the last time, so that the page stays responsive in a burst. `due`: at once, if it is due.
 */
export function drawer(draw, pause) {
  let frame = 0;
  let drawn = -pause;
  let isSoon = false;
  const run = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    isSoon = false;
    drawn = performance.now();
    draw();
  };
  const look = (now) => {
    if (!isSoon && now - drawn < pause) frame = requestAnimationFrame(look);
    else run();
  };
  const later = () => {
    frame ||= requestAnimationFrame(look);
  };
  return {
    later,
    soon() {
      isSoon = true;
      later();
    },
    due() {
      if (frame) run();
    },
  };
}
