"""Firefox for tests, driven by WebDriver BiDi, which it speaks itself."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from .require import missing

NAMES = ("firefox", "firefox-esr")
START_WITHIN = 60.0
# Nothing is fetched but our own pages, and pages do not move.
PREFERENCES = """
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("ui.prefersReducedMotion", 1);
"""


class FirefoxError(RuntimeError):
    """What it answered instead of what was asked for."""


class Firefox:
    """One tab of a Firefox that runs."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._tab = ""

    async def begin(self) -> None:
        await self.command("session.new", capabilities={})
        tree = await self.command("browsingContext.getTree")
        self._tab = tree["contexts"][0]["context"]

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Events are passed over: none was asked for."""
        id = next(self._ids)
        await self._connection.send(json.dumps({"id": id, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._connection.recv())
            if answer.get("id") != id:
                continue
            if answer["type"] == "error":
                raise FirefoxError(f"{method}: {answer['message']}")
            result: dict[str, Any] = answer["result"]
            return result

    async def open(self, url: str, *, width: int = 900, height: int = 640) -> None:
        size = {"width": width, "height": height}
        await self.command("browsingContext.setViewport", context=self._tab, viewport=size)
        await self.command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, which may be a promise."""
        wrapped = f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"
        answer = await self.command(
            "script.evaluate", expression=wrapped, target={"context": self._tab}, awaitPromise=True, userActivation=True
        )
        if answer["type"] == "exception":
            raise FirefoxError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"])

    async def wait_for(self, expression: str, *, within: float = 15.0) -> Any:
        """Its value once it is true."""
        value = None
        try:
            async with asyncio.timeout(within):
                while not (value := await self.evaluate(expression)):  # noqa: ASYNC110 - it is in another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not within {within} s: {expression}") from None
        return value

    async def press(self, *keys: str) -> None:
        """Hold all of them, and let them go: `press(CONTROL, "z")`."""
        down = [{"type": "keyDown", "value": key} for key in keys]
        up = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        await self._act({"type": "key", "id": "keys", "actions": down + up})

    async def click(self, x: float, y: float) -> None:
        move = {"type": "pointerMove", "x": round(x), "y": round(y)}
        button = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        await self._act({"type": "pointer", "id": "mouse", "actions": [move, *button]})

    async def _act(self, *actions: dict[str, Any]) -> None:
        await self.command("input.performActions", context=self._tab, actions=list(actions))

    async def screenshot(self) -> bytes:
        """As PNG."""
        answer = await self.command("browsingContext.captureScreenshot", context=self._tab)
        return base64.b64decode(answer["data"])


CONTROL = "\ue009"
DELETE = "\ue017"
ESCAPE = "\ue00c"
ARROW_DOWN = "\ue015"


def program() -> str | None:
    """The one that is on PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def firefox(arguments: Sequence[str] = ()) -> AsyncIterator[Firefox]:
    """Running, with a profile of its own; skips the test if there is none."""
    found = program()
    if found is None:
        missing("Firefox is not on PATH")
    with tempfile.TemporaryDirectory(prefix="eventide-firefox-", ignore_cleanup_errors=True) as profile:
        (Path(profile) / "user.js").write_text(PREFERENCES)
        process = await asyncio.create_subprocess_exec(
            *(found, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", *arguments),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stderr
        try:
            address = await asyncio.wait_for(_address(process.stderr), START_WITHIN)
            reading = asyncio.create_task(_drain(process.stderr))
            async with connect(f"{address}/session", max_size=None, proxy=None) as connection:
                browser = Firefox(connection)
                await browser.begin()
                yield browser
            reading.cancel()
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _address(output: asyncio.StreamReader) -> str:
    async for line in output:
        if found := re.search(rb"WebDriver BiDi listening on (ws://\S+)", line):
            return found[1].decode()
    raise FirefoxError("Firefox has ended before it listened")


async def _drain(output: asyncio.StreamReader) -> None:
    """It would stop when the pipe is full."""
    while await output.read(65_536):
        pass
