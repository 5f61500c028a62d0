/** What all parts of the demo page need of the document. */

export const $ = (id) => document.getElementById(id);

/** A copy of what the `<template>` with this id has. */
export const clone = (id) => $(id).content.firstElementChild.cloneNode(true);

/** A function that finds the parts of an element: those with `data-part`, by their name. */
export const partsOf = (element) => (name) => element.querySelector(`[data-part=${name}]`);

/** Only what changed is written, so that selections stay and nothing is read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** For screen readers, whose users do not see what grows elsewhere. */
export const say = (text) => ($("spoken").textContent = text);

export function showError(text) {
  $("notice-text").textContent = text;
  $("notice").hidden = !text;
}

/** Run what the reader asked for; if it fails, say why. */
export async function attempt(action) {
  try {
    await action();
  } catch (problem) {
    showError(problem.message);
  }
}

/** A function that runs `draw` with the next frame, however often it is called before. */
export function drawSoon(draw) {
  let due = 0;
  return () => {
    due ||= requestAnimationFrame(() => {
      due = 0;
      draw();
    });
  };
}
