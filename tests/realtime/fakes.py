"""Sessions without clients."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Counts, Principal, Receipt, UserId
from eventide_notify.realtime.engine.carrier import Carrier
from eventide_notify.realtime.engine.packets import Frame
from eventide_notify.realtime.engine.server import EngineServer
from eventide_notify.realtime.engine.transport import Transport
from eventide_notify.realtime.hub import Hub
from eventide_notify.realtime.session import Session
from eventide_notify.service.journal import Journal
from eventide_notify.wire import Dialect, dialects

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
[NOTIFICATIONS, ROOT] = dialects(["notification", "newNotification"], ["announcement"], root=True)


class FakeTransport:
    """Notes what is written."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.closed = False
        self.written: list[tuple[str, ...]] = []
        """The packets of each write."""
        self.receipts: list[Receipt] = []
        """What was to be confirmed."""

    def send(self, frame: Frame, receipts: Sequence[Receipt] = ()) -> None:
        self.written.append(frame.packets)
        self.receipts += receipts

    def join(self) -> None: ...
    def leave(self) -> None: ...

    async def ready(self) -> None: ...

    def close(self, reason: str | None = None, why: str = "") -> None:
        self.closed = True

    def abort(self, why: str = "") -> None:
        self.closed = True

    cut_off = abort


class FakeHub(Hub):
    """A hub with fake sessions, which notes whose counts may have changed."""

    def __init__(self) -> None:
        super().__init__(
            metrics=Metrics(),
            journal=Journal(),
            counts_changed=self._note_changes,
            counts_at_once=self._at_once,
            read_counts=self._counts,
            subscribed=self._subscribed,
        )
        self.changed: list[UserId] = []
        self.counts: Mapping[UserId, Counts] = {}
        self.now = START
        self.asked: asyncio.Event | None = None
        """If there is one: set it to have the counts of a crowd answered, which are those in `counts`."""
        self.subscribed: dict[str, set[UserId]] = {}
        self.store_is_away = False

    def _note_changes(self, users: Iterable[UserId]) -> None:
        self.changed += users

    async def idle(self) -> None:
        """Return when nothing is being done any more."""
        await asyncio.gather(*self._leaving._tasks)
        await self._writer.write(list)  # after everything else

    async def _subscribed(self, topic: str, users: Collection[UserId]) -> Collection[UserId]:
        if self.store_is_away:
            raise Unavailable
        return [user for user in users if user in self.subscribed.get(topic, ())]

    async def _counts(self, users: Collection[UserId]) -> Mapping[UserId, Counts]:
        return {user: self.counts.get(user, Counts(0, 0)) for user in users}

    async def _at_once(self, users: Collection[UserId], within: float) -> Mapping[UserId, Counts]:
        if self.asked is not None:
            await self.asked.wait()
        self._note_changes(user for user in users if user not in self.counts)
        return {user: self.counts[user] for user in users if user in self.counts}

    def _time(self) -> float:
        return self.now.timestamp()

    def add(
        self, user: UserId, *, dialect: Dialect = NOTIFICATIONS, opened_at: datetime = START, live: bool = True
    ) -> FakeTransport:
        """A session of this user, whose replay is written unless told otherwise."""
        transport = FakeTransport(f"transport {len(self.sessions)}")
        session = Session(
            f"session {len(self.sessions)}",
            cast(Transport, transport),
            dialect,
            Principal(user_id=user, claim=user, admin=False, expires_at=START + timedelta(days=1)),
            catch_up="each",
            since=None,
            opened_at=opened_at,
            journal=self._journal,
            now=self._time,
        )
        if live:
            session.held = None
        self.join(session)
        return transport


def events(transport: FakeTransport) -> list[str]:
    """The first packet of each write, without its head."""
    return [packets[0].partition(",")[2] or packets[0] for packets in transport.written]


class FakeCarrier:
    """A WebSocket that takes everything."""

    paused = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def admit(self) -> None: ...

    def write(self, frame: Frame) -> None:
        self.written.append(frame.wire)

    def write_asking(self, frame: Frame) -> None:
        self.written.append(frame.asking)


class FakeEngine:
    """What a transport needs of its server."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.unpinged: set[Transport] = set()

    def ping_later(self, transport: Transport) -> None:
        self.unpinged.add(transport)

    def met(self, transport: Transport, *, known: bool) -> None: ...


def carried_by(carrier: FakeCarrier, engine: FakeEngine | None = None) -> Transport:
    """A transport on this WebSocket."""
    transport = Transport(cast(EngineServer, engine or FakeEngine()), "sid", 0.0)
    transport.carried_by(cast(Carrier, carrier))
    return transport
