"""One user of a run: a client, the network that it is on, and how long it was connected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from .client import Client, Transport, TransportName, open_transport
from .http import endpoint
from .proxy import Fault, Link

Arrived = Callable[["User", int, dict[str, Any]], None]


class Stopwatch:
    """How long something has been so, over all the times."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    @property
    def runs(self) -> bool:
        return self._since is not None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def start(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def stop(self) -> None:
        self._before, self._since = self.seconds, None


class User:
    """A user with one client, each of whose connections leads to the next of the URLs, from number `first` on."""

    def __init__(
        self,
        name: str,
        token: str,
        *,
        urls: Sequence[str],
        first: int,
        transport: TransportName,
        event: str,
        arrived: Arrived,
    ) -> None:
        self.name = name
        self.token = token
        self.link = Link()
        self.client = Client(
            token,
            event=event,
            dial=self._dial,
            arrived=lambda connection, payload: arrived(self, connection, payload),
            changed=self._changed,
        )
        self.online = Stopwatch()
        """Runs while the client is connected and its network is up."""
        self.sending = asyncio.Lock()
        """One notification after the other: what is created later must arrive later."""
        self._urls = urls
        self._next = first
        self._transport = transport

    def drop(self, fault: Fault) -> bool:
        """Break the network, until `link.restore`; whether a connection broke."""
        self.online.stop()
        return self.link.fail(fault) > 0

    async def _dial(self) -> Transport:
        url = self._urls[self._next % len(self._urls)]
        self._next += 1
        self.link.lead_to(*endpoint(urlsplit(url)))
        return await open_transport(self._transport, url, self.link.port)

    def _changed(self, connected: bool) -> None:
        if connected and self.link.is_up:
            self.online.start()
        else:
            self.online.stop()
