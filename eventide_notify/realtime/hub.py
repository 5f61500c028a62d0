"""This instance's sessions, and what they are shown.

The hub knows the sessions of each user. What is for them comes from the channel between instances (`channel`), or from
the store when the channel has lost it (`service.missed`); the hub writes it as frames, and asks for receipts.

It does one thing after the other, so that everything reaches a session in the order in which it came here; what goes
to many sessions is written in portions, and others have their turn in between.

While the channel is not whole, notifications may wait here (`hold`): newer ones are not to be shown before the older
ones that have to be read from the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import orjson

from .. import wire
from ..errors import Unavailable
from ..metrics import Metrics
from ..models import Announcement, Notification, NotificationId, Status, UserId, id_at
from ..wire import Payload
from .frames import Content, Shown
from .session import Session

logger = logging.getLogger(__name__)

SKEW = timedelta(seconds=2)
"""How far the clocks of instances may differ."""
AT_ONCE = 500
"""Sessions that are written to before others have their turn."""
HELD_MAX = 10_000
"""Most that waits while the store is read; more is dropped, for the store has it."""

T = TypeVar("T")
ReadCounts = Callable[[Collection[UserId]], Awaitable[Mapping[UserId, int]]]
Recipients = Sequence[tuple[NotificationId, UserId]]
"""Who gets a notification, and under which id."""
Held = tuple[Shown, UserId | None]
"""What waits, and for whom; None: for all."""


class Hub:
    """The sessions of one instance."""

    def __init__(self, *, metrics: Metrics, count_changed: Callable[[UserId], None], read_counts: ReadCounts) -> None:
        self.sessions: dict[str, Session] = {}
        """By their ids."""
        self._of_user: dict[UserId, list[Session]] = {}
        self._metrics = metrics
        self._count_changed = count_changed
        self._read_counts = read_counts
        self._turn = asyncio.Lock()
        self._held: list[Held] | None = None
        self._live, self._replayed = (metrics.sent.labels(way) for way in ("live", "replay"))

    # Sessions

    def join(self, session: Session) -> None:
        """From now on it is shown what is for its user."""
        self.sessions[session.sid] = session
        self._of_user.setdefault(session.user, []).append(session)
        session.transport.join()
        self._metrics.sockets.set(len(self.sessions))

    def leave(self, sid: str) -> Session | None:
        """It is gone; None if it was not there."""
        session = self.sessions.pop(sid, None)
        if session is not None:
            others = self._of_user[session.user]
            others.remove(session)
            if not others:
                del self._of_user[session.user]
            self._metrics.sockets.set(len(self.sessions))
        return session

    def of_user(self, user: UserId) -> Sequence[Session]:
        """The user's sessions."""
        return self._of_user.get(user, ())

    # What the channel brings

    async def show(self, content: Payload, recipients: Recipients) -> None:
        """Show a notification to the sessions of its users. `content`: all of it but `id` and `userId`."""
        here = [recipient for recipient in recipients if recipient[1] in self._of_user]
        if not here:
            return
        tail = orjson.dumps(content).decode()[1:]

        def show(recipient: tuple[NotificationId, UserId]) -> None:
            id, user = recipient
            head = f'{{"id":"{id}","userId":{orjson.dumps(user).decode()},'
            self._show(Shown(id, Content(head + tail)), user)
            self._count_changed(user)

        async with self._turn:
            await _each(here, show)

    def _show(self, shown: Shown, user: UserId) -> None:
        if self._held is not None:
            self._hold(shown, user)
            return
        for session in self._of_user.get(user, ()):
            if session.show(shown):
                self._live.inc()

    async def announce(self, payload: Payload, *, stored: bool) -> None:
        """Show an announcement to all sessions."""
        shown = Shown.of(payload, stored=stored)
        async with self._turn:
            if stored and self._held is not None:
                self._hold(shown, None)
            else:
                written = await _each(list(self.sessions.values()), _showing(shown))
                self._live.inc(written)
        if stored:
            self.counts_changed()

    async def retract(self, id: NotificationId) -> None:
        """Remove an announcement from all screens."""
        try:
            counts = await self._read_counts(list(self._of_user))
        except Unavailable:
            counts = {}  # told by `counts_changed` once the store is back
        await self._tell_each(counts, wire.NOTIFICATION_DELETED, lambda count: wire.deleted([id], count))
        self.counts_changed()

    async def emit(self, event: str, payload: Any, users: Sequence[UserId] | None) -> None:
        """Emit an event to the sessions of these users; None: to all."""
        if users is not None and not any(user in self._of_user for user in users):
            return
        content = Content.of(payload)
        async with self._turn:
            await _each(self._meant(users), lambda session: session.tell(event, content))
        if event in (wire.NOTIFICATION_READ, wire.NOTIFICATION_DELETED):
            for user in users or ():
                self._count_changed(user)

    def _meant(self, users: Sequence[UserId] | None) -> list[Session]:
        if users is None:
            return list(self.sessions.values())
        return [session for user in users for session in self._of_user.get(user, ())]

    # What the channel has lost

    def begin_to_hold(self) -> None:
        """Let what is stored wait, if it does not already."""
        if self._held is None:
            self._held = []

    def hold(self) -> list[Held]:
        """From now on let what is stored wait, for older ones have to be read first; what has waited so far."""
        held, self._held = self._held or [], []
        return held

    async def show_held(self, held: Iterable[Held]) -> None:
        """Show what has waited."""
        async with self._turn:
            for shown, user in held:
                written = await _each(self._meant(None if user is None else [user]), _showing(shown))
                self._live.inc(written)

    async def release(self) -> None:
        """Show what waits, in order, and let nothing wait any more."""
        while self._held:
            await self.show_held(self.hold())
        self._held = None

    def _hold(self, shown: Shown, user: UserId | None) -> None:
        assert self._held is not None  # noqa: S101 - the caller has looked
        if len(self._held) < HELD_MAX:
            self._held.append((shown, user))

    async def show_missed(self, items: Iterable[Notification]) -> None:
        """Show what may not have come through the channel to those sessions that lack it."""
        for item in items:
            if item.user_id in self._of_user:
                payload = wire.live(item)
                for session in list(self.of_user(item.user_id)):
                    self._make_good(session, item.id, item.status is Status.PENDING, payload)

    async def show_missed_announcements(self, items: Iterable[Announcement]) -> None:
        """Likewise for announcements."""
        for item in items:
            payload = wire.announcement(item)
            for session in list(self.sessions.values()):
                self._make_good(session, item.id, False, payload)
            await asyncio.sleep(0)

    def _make_good(self, session: Session, id: NotificationId, pending: bool, payload: Payload) -> None:
        if session.has(id) or id < id_at(session.opened_at - SKEW):
            return  # it has it, or its replay was the time for it
        if id < id_at(session.opened_at) and not pending:
            return  # another device has it, which had it before this session was there
        if id < session.newest and pending and session.held is None:
            # Shown now it would come after newer ones. On a new connection it comes in its place.
            session.transport.close()
            return
        # What is about as old as the session may have come over the connection before.
        may_be_copy = id < id_at(session.opened_at + SKEW)
        if session.show(Shown.of({**payload, "replayed": True} if may_be_copy else payload)):
            (self._replayed if may_be_copy else self._live).inc()

    async def reload(self) -> None:
        """Changes of state may not have come: have all clients read again what they show."""
        await self.emit(wire.RELOAD, {}, None)
        self.counts_changed()

    # Counts

    def counts_changed(self) -> None:
        """Any of the counts of this instance's users may have changed."""
        for user in self._of_user:
            self._count_changed(user)

    async def tell_counts(self, counts: Mapping[UserId, int]) -> None:
        """Write their unread counts to these users' sessions."""
        await self._tell_each(counts, wire.UNREAD_COUNT, wire.unread_count)

    async def _tell_each(self, counts: Mapping[UserId, int], event: str, payload: Callable[[int], Payload]) -> None:
        contents: dict[int, Content] = {}  # many users have the same count

        def tell(counted: tuple[UserId, int]) -> None:
            user, count = counted
            content = contents.get(count)
            if content is None:
                content = contents[count] = Content.of(payload(count))
            for session in self.of_user(user):
                session.tell(event, content)

        async with self._turn:
            await _each(list(counts.items()), tell)

    # Replay

    async def replay(self, session: Session, payloads: Sequence[Payload]) -> None:
        """Write what a client has missed, no faster than it takes it."""
        for payload in payloads:
            await session.transport.ready()
            if session.write(Shown.of(payload)):
                self._replayed.inc()

    def replay_batch(self, session: Session, payloads: Sequence[Payload]) -> None:
        """Write what a client has missed as one event."""
        receipts = [wire.receipt(session.user, payload) for payload in payloads]
        session.write_batch(wire.PENDING_NOTIFICATIONS, Content.of(payloads), receipts)
        self._replayed.inc(len(payloads))

    async def go_live(self, session: Session) -> None:
        """Write what has come during the replay, in order; from now on it is written as it comes."""
        while session.held:
            await session.transport.ready()
            session.held.sort(key=_id, reverse=True)
            if session.write(session.held.pop()):
                self._live.inc()
        session.held = None


def _id(shown: Shown) -> NotificationId:
    return shown.id


def _showing(shown: Shown) -> Callable[[Session], bool]:
    return lambda session: session.show(shown)


async def _each(items: Sequence[T], do: Callable[[T], object]) -> int:
    """Do this with each, in portions; for how many it was true."""
    done = 0
    for start in range(0, len(items), AT_ONCE):
        if start:
            await asyncio.sleep(0)
        for item in items[start : start + AT_ONCE]:
            if do(item):
                done += 1
    return done
