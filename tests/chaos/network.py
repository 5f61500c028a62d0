"""The network of the swarm: one `Link` for each client, which fails on purpose, and a load balancer's part.

Before a link there may be a `Proxy`, which knows HTTP and treats it badly.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

from eventide_notify.verify.http import endpoint
from eventide_notify.verify.proxy import Fault, Link

from ..proxy import Exchange, Proxy

Drops = Literal["clean", "silent", "none", "lost answers", "dead WebSockets"]
"""How the networks of clients fail: not at all; every `DROP_EVERY` seconds, for `DROP_FOR` seconds, see `Link`; or all
the time, see `spoil`."""
BREAKS: Mapping[Drops, Fault] = {"clean": "clean", "silent": "silent"}
"""Those that links do."""
SPOILS: frozenset[Drops] = frozenset({"lost answers", "dead WebSockets"})
"""Those that proxies do."""
DROP_EVERY = DROP_FOR = 2.0

TRANSPORTS = (["websocket"], ["polling"], ["polling", "websocket"])
_SPOILED: Mapping[Drops, Sequence[Sequence[str]]] = {
    "lost answers": (["polling"], ["polling"], ["polling", "websocket"]),
    "dead WebSockets": (["polling", "websocket"],),
}


def transports(number: int, drops: Drops) -> Sequence[str]:
    """Those of this client: what such networks can spoil."""
    choices = _SPOILED.get(drops, TRANSPORTS)
    return choices[number % len(choices)]


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


OFTEN, SELDOM = 0.25, 0.1
"""How many requests are lost; and how many of these are not asked again, so that the client notices."""
REPEATED_WITHIN = 0.5
"""Seconds from a loss until the request is repeated, at most."""
BROKEN_WITHIN = 1.0
"""Seconds that a poll may wait which breaks while it waits, at most."""


def spoil(proxy: Proxy, drops: Drops, number: int) -> None:
    """Have it treat everything of this client badly.

    *lost answers*: of polling requests many an answer is lost, or the connection breaks while it is waited for, and
    most of these requests are repeated as they were, as a browser repeats them by itself. *dead WebSockets*: each is
    agreed to by the server, and then closed, or lets nothing pass any more.
    """
    chance = random.Random(f"{drops} {number}")

    def breaks(exchange: Exchange) -> float | None:
        return chance.uniform(0, BROKEN_WITHIN) if exchange.is_poll and chance.random() < OFTEN else None

    def repeats(exchange: Exchange) -> float | None:
        return None if chance.random() < SELDOM else chance.uniform(0, REPEATED_WITHIN)

    if drops == "dead WebSockets":
        proxy.after_101 = "drop" if number % 2 else "swallow"
    else:
        proxy.loses = lambda exchange: exchange.has_session and chance.random() < OFTEN
        proxy.breaks, proxy.repeats = breaks, repeats


def losses(proxy: Proxy) -> int:
    """How much it has lost: requests, their answers, and WebSockets."""
    dead = 0 if proxy.after_101 == "pass" else proxy.websockets()
    return dead + sum(exchange.losses for exchange in proxy.exchanges)
