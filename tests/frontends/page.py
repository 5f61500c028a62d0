"""The existing front ends, as programs that run a stock socket.io-client in Node (`tests/js`)."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest

from ..waiting import until

JS = Path(__file__).parents[1] / "js"
DEADLINE = 30.0
"""Seconds in which anything that is waited for must come."""


@dataclass(frozen=True)
class FrontEnd:
    """What one front end calls things."""

    name: str
    live: str
    announcement: str
    batch: bool = False
    """Whether it gets what it missed as one array."""
    numbers: bool = False
    """Whether its user ids are numbers."""

    def __str__(self) -> str:
        return self.name.upper()

    def user(self, number: int | str) -> int | str:
        """The user as this front end has it in its tokens."""
        return number if self.numbers else str(number)


A = FrontEnd("a", live="newNotification", announcement="announcement")
B = FrontEnd("b", live="new_notification", announcement="global_notification", batch=True)
C = FrontEnd("c", live="notification", announcement="global_notification", numbers=True)
FRONT_ENDS = (A, B, C)

OWN = "own"
TRANSPORTS: Mapping[str, dict[str, Any]] = {
    OWN: {},  # whatever the front end itself says
    "websocket": {"transports": ["websocket"]},
    "polling": {"transports": ["polling"]},
    # A browser's WebSocket takes no headers: of an upgraded connection only the polling requests have them.
    "upgrade": {
        "transports": ["polling", "websocket"],
        "transportOptions": {"websocket": {"extraHeaders": {}}},
    },
}
"""socket.io-client's options for each transport."""
SHORT_PAUSES = {"reconnectionDelay": 100, "reconnectionDelayMax": 500}
"""Milliseconds before a reconnect; by default they are 1,000 and 5,000."""


@dataclass(frozen=True)
class Line:
    """Something that happened in a page; `tests/js/browser.mjs` says what each kind of line means."""

    at: float
    """Milliseconds."""
    what: str
    name: Any = None
    data: Any = None


class Browser:
    """A process in which front ends run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "browser.mjs"], cwd=JS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: dict[int, list[Line]] = {}
        self._pages = count(1)
        self._reader = Thread(target=self._read)
        self._reader.start()

    def open(self, front_end: FrontEnd, url: str, token: str | None, options: Mapping[str, Any]) -> Page:
        """Run a front end against the service at this address, with options of socket.io-client."""
        number = next(self._pages)
        lines = self._lines[number] = []
        page = Page(self, number, front_end, token, lines)
        options = {**SHORT_PAUSES, **options}
        page.do("open", frontEnd=front_end.name, url=url, token=token, options=options)
        return page

    def write(self, command: Mapping[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, and nobody takes notice."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        with self._process as process:
            assert process.stdin
            process.stdin.close()
            self._reader.join()
        assert process.returncode == 0

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            happened = json.loads(line)
            self._lines[happened.pop("page")].append(Line(**happened))


class Page:
    """A front end that runs."""

    def __init__(
        self, browser: Browser, number: int, front_end: FrontEnd, token: str | None, lines: list[Line]
    ) -> None:
        self.front_end = front_end
        self.lines = lines
        self._browser = browser
        self._number = number
        self._token = token
        self._ids = count(1)

    # What happened

    def find(self, what: str, name: Any = None) -> list[Line]:
        """All lines of this kind so far."""
        return [line for line in self.lines if line.what == what and name in (None, line.name)]

    async def line(self, what: str, name: Any = None, *, nth: int = 1) -> Line:
        """The nth line of this kind; waits for it."""
        try:
            await until(lambda: len(self.find(what, name)) >= nth, within=DEADLINE)
        except AssertionError:
            happened = "\n".join(map(str, self.lines))
            pytest.fail(f"{self.front_end}: {what} {name or ''} did not happen {nth} times, but:\n{happened}")
        return self.find(what, name)[nth - 1]

    async def event(self, name: str, *, nth: int = 1) -> Any:
        """The payload of the nth event of this name; waits for it."""
        return (await self.line("event", name, nth=nth)).data

    def events(self, name: str) -> list[Any]:
        """The payloads of all events of this name so far."""
        return [line.data for line in self.find("event", name)]

    async def live(self, *, nth: int = 1) -> Any:
        """The nth notification that came by itself, as the front end listens for it."""
        return await self.event(self.front_end.live, nth=nth)

    async def ready(self, *, nth: int = 1) -> Any:
        """Wait until it has connected for the nth time and got what it missed; `catch_up_complete`."""
        return await self.event("catch_up_complete", nth=nth)

    async def count_is(self, unread: int, *, unseen: int | None = None) -> None:
        """Wait until these are the last counts it was told; what is read has been seen."""
        told = {"unreadCount": unread, "unseenCount": unread if unseen is None else unseen}
        await until(lambda: self.events("unread_count")[-1:] == [told], within=DEADLINE)

    def received(self) -> list[Any]:
        """Every notification and announcement that came, replayed or live, one by one or as an array, in order."""
        names = (self.front_end.live, self.front_end.announcement, "pending_notifications")
        payloads = [line.data for line in self.lines if line.what == "event" and line.name in names]
        return [item for payload in payloads for item in (payload if isinstance(payload, list) else [payload])]

    # What it can be told to do

    def emit(self, event: str, *args: Any) -> None:
        """Emit an event without an ack callback."""
        self.do("emit", event=event, args=args)

    async def call(self, event: str, *args: Any) -> Any:
        """Emit an event; what the server answers to its ack callback."""
        return (await self.line("answer", self.do("call", event=event, args=args))).data

    async def fetch(self, method: str, path: str) -> tuple[int, Any]:
        """The status and the body that the REST API answers to the front end's user."""
        response = (await self.line("response", self.do("fetch", method=method, path=path))).data
        return response["status"], response["body"]

    def authorize(self, token: str | None = None, **auth: Any) -> None:
        """Use another token, and send this beside it in `auth`, from the next connect on."""
        self._token = token or self._token
        self.do("authorize", token=self._token, options={"auth": auth})

    def connect(self, token: str | None = None, **auth: Any) -> None:
        """Connect again, with another token, or with this beside the token in `auth`."""
        self.authorize(token, **auth)
        self.do("connect")

    async def disconnect(self) -> None:
        """Go offline."""
        before = len(self.find("disconnect"))
        self.do("disconnect")
        await self.line("disconnect", nth=before + 1)

    def do(self, what: str, **command: Any) -> int:
        """Give it a command; its id."""
        id = next(self._ids)
        self._browser.write({"page": self._number, "do": what, "id": id, **command})
        return id
