"""The network of the swarm: one `Link` for each client, which fails on purpose, and a load balancer's part."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import urlsplit

from eventide_notify.verify.http import endpoint
from eventide_notify.verify.proxy import Link

Drops = Literal["clean", "silent", "none"]
"""How the networks of clients break every `DROP_EVERY` seconds, for `DROP_FOR` seconds; see `Link`."""
DROP_EVERY = DROP_FOR = 2.0


class Balancer:
    """Leads each link to one of the instances that run; all connections of a link lead to the same one.

    It knows only the URLs that it was given: before a load balancer there is one, and which of the instances behind it
    run is not its business.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = list(urls)
        self._up = set(urls)
        self._leads: dict[Link, str] = {}

    def add(self, link: Link, number: int) -> None:
        """Lead this one to instance `number`, if it runs."""
        self._lead(link, self._urls[number % len(self._urls)])

    def leads(self, link: Link) -> str:
        """The instance that it leads to."""
        return self._leads[link]

    def move(self, link: Link) -> None:
        """Lead it to the next instance from now on. Its client must not be connected."""
        self._lead(link, self._after(self._leads[link]))

    def take_out(self, url: str) -> None:
        """An instance ends: lead its links to others."""
        self._up.discard(url)
        for link, led in self._leads.items():
            if led == url:
                self.move(link)

    def put_back(self, url: str) -> None:
        """An instance runs again."""
        self._up.update({url}.intersection(self._urls))

    def _after(self, url: str) -> str:
        start = self._urls.index(url) + 1
        return next((other for other in self._urls[start:] + self._urls[:start] if other in self._up), url)

    def _lead(self, link: Link, url: str) -> None:
        self._leads[link] = url
        link.lead_to(*endpoint(urlsplit(url)))


def pauses(*, seed: str) -> Iterator[float]:
    """Seconds that a network holds before each of its failures: at first any part of a period."""
    yield random.Random(seed).uniform(0, DROP_EVERY + DROP_FOR)
    while True:
        yield DROP_EVERY
