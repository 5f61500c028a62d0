"""The load of stock clients: over every transport, through networks that fail, while something else breaks.

What comes of it is told as `eventide-notify verify --json` tells it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from eventide_notify.verify.ledger import Ledger
from eventide_notify.verify.proxy import Fault as Break
from eventide_notify.verify.proxy import Link
from eventide_notify.verify.user import Stopwatch

from ..proxy import Proxy
from ..waiting import until
from .acknowledging import Acknowledging
from .backends import Deployment
from .faults import Fault, break_things
from .network import BREAKS, DROP_FOR, SPOILS, Balancer, Drops, losses, pauses, spoil, transports
from .replacing import Replacing
from .sender import Sender, asking
from .stories import Stories
from .swarm import Event, Member, Swarm, address, run_swarm

CONNECT_WITHIN = 75.0
"""Seconds in which all clients are connected: more than the 45 after which a client finds out by itself that nobody
pings it any more. When its network breaks in the middle of its upgrade from polling, a stock client may do nothing
until then: it has paused polling, and the WebSocket is gone.
"""
ROUND_PAUSE = 0.25


@dataclass(slots=True)
class _Client:
    user: str
    token: str
    link: Link
    proxy: Proxy | None = None
    """Before its link, where the network treats HTTP badly."""
    online: Stopwatch = field(default_factory=Stopwatch)
    """While both the client and its network are connected."""
    connected: bool = False
    shown: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """What it connects to."""
        return self.link.port if self.proxy is None else self.proxy.port


class SwarmLoad:
    """Stock clients over every transport, through networks that fail, while something breaks."""

    def __init__(self, deployment: Deployment, urls: Sequence[str], drops: Drops, fault: Fault | None) -> None:
        self._deployment = deployment
        self._urls = urls
        self._drops = drops
        self._fault = fault
        self._balancer = Balancer(urls)
        self._ledger = Ledger()
        self._taken_at: dict[str, float] = {}
        self._user_of: dict[str, str] = {}
        self._too_early: set[str] = set()
        self._refused: dict[str, str] = {}
        self._stories = Stories()
        self._drop_count = 0
        self._connects = 0
        users = [f"stock-{number}" for number in range(deployment.size.users)]
        self._clients = [_Client(user, deployment.token(user), Link()) for user in users]
        self._sender = Sender(deployment, urls, self._created)
        self._replacing = Replacing(deployment, urls)
        self._acknowledging = Acknowledging(deployment, urls)

    async def run(self) -> dict[str, Any]:
        """Carry it out; what came of it."""
        users, size = [client.user for client in self._clients], self._deployment.size
        async with self._networks(), run_swarm(self._happened) as swarm, asking(self._deployment, self._urls):
            await self._connect(swarm)
            async with self._dropping(swarm), asyncio.TaskGroup() as tasks:
                tasks.create_task(break_things(self._fault, self._deployment, self._balancer))
                tasks.create_task(
                    self._sender.send_all(users, size.notifications, seconds=size.seconds, give_up=size.settle)
                )
                tasks.create_task(self._replacing.out(size.seconds, size.settle))
                tasks.create_task(self._acknowledging.out(size.seconds, size.settle))
            await self._until_back()
            await self._settle(swarm)
        return {
            **self._outcome(),
            "not_replaced": await self._replacing.problems(),
            "not_acknowledged": await self._acknowledging.problems(),
        }

    def _outcome(self) -> dict[str, Any]:
        for client in self._clients:
            self._ledger.shown(client.shown)
        outcome = asdict(self._ledger.figures())
        faults, examples = outcome["faults"], dict(outcome["examples"])
        if len(self._too_early) > faults["falsely_delivered"]:
            faults["falsely_delivered"] = len(self._too_early)
            examples["falsely_delivered"] = sorted(self._too_early)[:3]
        return {
            **outcome,
            "examples": {name: self._told(cases) for name, cases in examples.items()},
            "drops": self._drop_count + sum(losses(client.proxy) for client in self._clients if client.proxy),
            "reconnects": self._connects - len(self._clients),
            "sent_away": self._refused,
        }

    def _told(self, cases: Iterable[str]) -> list[str]:
        """The cases, each with the story of the notification that it names first."""
        return ["\n".join([case, *self._stories.about(self._user_of[case[:36]], case[:36])]) for case in cases]

    # Connect

    @asynccontextmanager
    async def _networks(self) -> AsyncIterator[None]:
        for number, client in enumerate(self._clients):
            await client.link.open()
            self._balancer.add(client.link, number)
            if self._drops in SPOILS:
                client.proxy = Proxy(client.link.port)
                await client.proxy.open()
                spoil(client.proxy, self._drops, number)
        try:
            yield
        finally:
            for client in self._clients:
                if client.proxy is not None:
                    await client.proxy.close()
                await client.link.close()

    async def _connect(self, swarm: Swarm) -> None:
        swarm.start(
            [
                Member(
                    f"http://127.0.0.1:{client.port}",
                    client.token,
                    transports(number, self._drops),
                    address(number),
                    since=number % 4 == 3,
                )
                for number, client in enumerate(self._clients)
            ]
        )
        await self._until_back()

    async def _until_back(self) -> None:
        def all_are() -> bool:
            return all(client.connected or client.user in self._refused for client in self._clients)

        await until(all_are, within=CONNECT_WITHIN)

    # What happens

    def _created(self, id: str, user: str, by: str | None) -> None:
        self._ledger.created(id, user, at=time.time(), by=by, online=self._of(user).online.seconds)
        self._user_of[id] = user
        self._stories.note(user, time.time(), f"201 of {id}, by {by or 'not the first attempt'}", id)

    def _of(self, user: str) -> _Client:
        return self._clients[int(user.partition("-")[2])]

    def _happened(self, event: Event) -> None:
        client = self._clients[event.client]
        self._stories.note(client.user, event.at, f"client: {event.what} {event.data}", event.data.get("id", ""))
        if event.what == "notification":
            self._arrived(client, event)
        elif event.what == "connect":
            self._connects += 1
            client.connected = True
            if client.link.is_up:
                client.online.start()
        elif event.what in ("disconnect", "refused"):
            client.connected = False
            client.online.stop()
            if event.what == "refused":
                self._refused[client.user] = f"{event.data['message']} {event.data.get('code', '')}".strip()

    def _arrived(self, client: _Client, event: Event) -> None:
        id: str = event.data["id"]
        self._taken_at.setdefault(id, event.data["taken"] / 1000)
        connection = client.user, event.data["n"]
        online = client.online.seconds
        self._ledger.arrived(connection, id, replayed=event.data["replayed"], at=event.at, online=online)
        if event.data["shown"]:
            client.shown.append(id)

    # Drop

    @asynccontextmanager
    async def _dropping(self, swarm: Swarm) -> AsyncIterator[None]:
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as dropping:
            if (how := BREAKS.get(self._drops)) is not None:
                for client in self._clients:
                    dropping.create_task(self._drop(client, how, swarm, stop))
            try:
                yield
            finally:
                stop.set_result(None)

    async def _drop(self, client: _Client, how: Break, swarm: Swarm, stop: asyncio.Future[None]) -> None:
        for pause in pauses(seed=client.user):
            if (await asyncio.wait([stop], timeout=pause))[0]:
                return
            self._drop_count += client.link.fail(how) > 0
            self._stories.note(client.user, time.time(), f"network: {how} drop")
            client.online.stop()
            await asyncio.sleep(DROP_FOR)
            if self._ledger.is_waiting(client.user):
                # What the server holds for delivered while the client cannot be receiving anything.
                await swarm.sync()
                await self._audit(client, "?limit=100")
            self._balancer.move(client.link)
            client.link.restore()
            self._stories.note(client.user, time.time(), f"network: restored, to {self._balancer.leads(client.link)}")

    # Settle

    async def _settle(self, swarm: Swarm) -> None:
        """Wait until all is received and confirmed, or the time is up."""
        until = time.monotonic() + self._deployment.size.settle
        restless = self._clients
        while restless and time.monotonic() < until:
            await asyncio.sleep(ROUND_PAUSE)
            await swarm.sync()
            for client in restless:
                await self._audit(client, "?limit=100")
            restless = [client for client in restless if not self._ledger.is_settled(client.user)]

    async def _audit(self, client: _Client, query: str) -> None:
        """Enter what the server says about the client's notifications. (None has more than a page.)"""
        for url in self._urls:
            answer = await self._deployment.journal.ask("GET", url, f"/v1/notifications{query}", client.token)
            if answer is not None:
                for item in answer.json()["notifications"]:
                    self._entered(item, client.user)
                return

    def _entered(self, item: dict[str, Any], user: str) -> None:
        delivered_at = _seconds(item.get("deliveredAt"))
        self._stories.note(
            user, time.time(), f"server says: {item['status']}, deliveredAt {item.get('deliveredAt')}", item["id"]
        )
        if delivered_at is not None and delivered_at < self._taken_at.get(item["id"], delivered_at):
            self._too_early.add(item["id"])  # by one clock, as everything is on one machine
        self._ledger.audited(
            item["id"], user, item["status"],
            created_at=_seconds(item["createdAt"]) or 0, delivered_at=delivered_at,
        )  # fmt: skip


def _seconds(time: str | None) -> float | None:
    return None if time is None else datetime.fromisoformat(time).timestamp()
