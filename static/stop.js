/** Stopping the demo's server: for some seconds it neither answers nor listens, and then it is back. */

import { $, attempt } from "./dom.js";

const TICK = 250;

/** `stopped()`: it has just been, and something is to be sent. `allLive()`: whether every device is. */
export function offerToStop(backEnd, stopped, allLive) {
  const button = $("stop");
  button.hidden = false;
  button.addEventListener("click", () => {
    if (button.ariaDisabled !== "true") attempt(() => stop(button, backEnd, stopped, allLive));
  });
}

async function stop(button, backEnd, stopped, allLive) {
  button.ariaDisabled = "true";
  try {
    const { seconds } = await backEnd.stopServer();
    stopped();
    await countDown(seconds);
    $("server").textContent = "The server listens again. Each device reconnects by itself, within a few seconds.";
  } finally {
    button.ariaDisabled = "false";
  }
  awaitAll(button, allLive);
}

/** Say when all devices are back, unless the server is stopped again before. */
function awaitAll(button, allLive) {
  const timer = setInterval(() => {
    const again = button.ariaDisabled === "true";
    if (!again && !allLive()) return;
    clearInterval(timer);
    if (!again) $("server").textContent = "The server listens again, and all devices are live.";
  }, TICK);
}

function countDown(seconds) {
  const end = Date.now() + seconds * 1000;
  return new Promise((resolve) => {
    const show = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) $("server").textContent = `The server is stopped, and back in ${left} s. Meanwhile this page sends what the form says, to show that nothing is lost.`;
      else resolve(clearInterval(timer));
    };
    const timer = setInterval(show, TICK);
    show();
  });
}
