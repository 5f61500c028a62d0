"""Every request that the tests make to the service, and which failures are to be expected."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eventide_notify.verify.http import FAULTS, Answer, exchange

AFTERMATH = 1.0
"""Seconds after the end of a fault in which it still explains failures."""

GONE = ("refused", "broke off")
"""How requests fail to a process that has ended, or ends while it answers."""


@dataclass(frozen=True)
class Window:
    """A time in which failures of these kinds are to be expected, at one URL or (None) at any."""

    kinds: tuple[str, ...]
    at: str | None
    since: float
    until: float
    at_most: int | None
    """How many; None: any number."""

    def explains(self, failure: Failure) -> bool:
        there = self.at in (None, failure.at)
        then = failure.began <= self.until and failure.ended >= self.since
        return there and then and failure.kind in self.kinds


@dataclass(frozen=True)
class Failure:
    """A request that was not answered as it should be."""

    at: str
    what: str
    kind: str
    began: float
    ended: float

    def __str__(self) -> str:
        return f"{self.what} at {self.at}: {self.kind}, after {self.ended - self.began:.3f} s"


class Journal:
    """Times are on the monotonic clock. `patience`: seconds in which every request must be answered."""

    def __init__(self, patience: float = 10.0) -> None:
        self._patience = patience
        self.failures: list[Failure] = []
        self.answered = Counter[str]()
        self.slowest = 0.0
        self._windows: list[Window] = []

    @contextmanager
    def expecting(self, *kinds: str, at: str | None = None, at_most: int | None = None) -> Iterator[None]:
        """What is done in the block makes requests fail like this."""
        since = time.monotonic()
        try:
            yield
        finally:
            self._windows.append(Window(kinds, at, since, time.monotonic() + AFTERMATH, at_most))

    async def ask(
        self,
        method: str,
        url: str,
        path: str,
        token: str | None = None,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """The answer; None if there is none, or the server says that it cannot. Either way it is written down."""
        fixed = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        if token is not None:
            fixed["Authorization"] = f"Bearer {token}"
        text = None if body is None else json.dumps(body)
        began = time.monotonic()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(self._patience):
                answer = await exchange(method, url + path, headers=fixed, body=text)
            kind = str(answer.status)
        except TimeoutError:
            kind = "not answered in time"
        except ConnectionRefusedError:
            kind = "refused"
        except FAULTS:
            kind = "broke off"
        ended = time.monotonic()
        if answer is not None and answer.status < 400:
            self.answered[url] += 1
            self.slowest = max(self.slowest, ended - began)
            return answer
        self.failures.append(Failure(url, f"{method} {path.partition('?')[0]}", kind, began, ended))
        return None

    def surprises(self) -> list[Failure]:
        """The failures that nothing explains. Ask when all windows are closed."""
        explained = Counter[Window]()
        surprises = []
        for failure in self.failures:
            for window in self._windows:
                if window.explains(failure) and (window.at_most is None or explained[window] < window.at_most):
                    explained[window] += 1
                    break
            else:
                surprises.append(failure)
        return surprises
