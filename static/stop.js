/** Stopping the demo's server: for some seconds it neither answers nor listens, and then it is back. */

import { $, attempt } from "./dom.js";

const TICK = 250;

/** `stopped()`: it has just been. */
export function offerToStop(backEnd, stopped) {
  const button = $("stop");
  button.hidden = false;
  button.addEventListener("click", () => {
    if (button.ariaDisabled !== "true") attempt(() => stop(button, backEnd, stopped));
  });
}

async function stop(button, backEnd, stopped) {
  button.ariaDisabled = "true";
  try {
    const { seconds } = await backEnd.stopServer();
    stopped();
    await countDown(seconds);
    $("server").textContent = "The server listens again. Each device reconnects by itself, within a few seconds.";
  } finally {
    button.ariaDisabled = "false";
  }
}

function countDown(seconds) {
  const end = Date.now() + seconds * 1000;
  return new Promise((resolve) => {
    const show = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) $("server").textContent = `The server is stopped. It is back in ${left} s.`;
      else resolve(clearInterval(timer));
    };
    const timer = setInterval(show, TICK);
    show();
  });
}
