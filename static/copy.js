/** Buttons that copy: each has its text, or a promise of it, when it is pressed. */

import { say } from "./dom.js";

const SAID_FOR = 2000;

/** `text()`: what to copy. The button says for a moment that it is done. */
export function copies(button, text) {
  const name = button.textContent;
  let timer = 0;
  button.addEventListener("click", async () => {
    const done = await write(await text()).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Not copied";
    say(done ? "Copied" : "The browser did not allow this page to copy.");
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = name), SAID_FOR);
  });
}

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // At an http address that is not this machine's, browsers have only the old way.
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  if (!done) throw new Error("not copied");
}
