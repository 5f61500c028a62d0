"""This instance's sessions, and what they are shown.

The hub knows the sessions of each user. What is for them comes from the channel between instances (`channel`), or from
the store when the channel has lost it (`service.missed`); the hub writes it as frames, and asks for receipts.

It does one thing after the other, so that everything reaches a session in the order in which it came here; what goes
to many sessions is written in portions, and others have their turn in between. What was begun is done, also when its
caller does not wait for it any more.

While the channel is not whole, notifications may wait here (`hold`): newer ones are not to be shown before the older
ones that have to be read from the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from typing import Any, Protocol

import orjson

from .. import wire
from ..metrics import Metrics
from ..models import Announcement, Counts, Notification, NotificationId, Status, UserId
from ..service.fanout import Gone
from ..service.journal import Journal
from ..wire import Payload
from . import writes
from .frames import Content, Shown
from .leaving import Leaving
from .lookups import Lookups, Subscribed
from .session import Session
from .writer import AT_ONCE, Write, Writer, Writes
from .writes import SKEW, Copies

logger = logging.getLogger(__name__)

HELD_MAX = 10_000
HELD_CHARACTERS = 16 * 1024 * 1024
"""Most that waits while the store is read; more is dropped, for the store has it."""
SUBSCRIBERS_WITHIN = 0.5
"""Seconds that who announces something to a topic waits until the topic's subscribers have been found."""

CROWD = 100
"""Users who are shown something at once from which on their counts leave with it, in one write."""
WRITE_SECONDS = 0.00001
"""What a write of its own takes for each of them. For the counts of a crowd nothing waits longer than this saves."""

CountsChanged = Callable[[Iterable[UserId]], None]
CountsAtOnce = Callable[[Collection[UserId], float], Awaitable[Mapping[UserId, Counts]]]
"""See `UnreadCountPublisher.at_once`."""
ReadCounts = Callable[[Collection[UserId]], Awaitable[Mapping[UserId, Counts]]]
Recipients = Sequence[tuple[NotificationId, UserId]]
"""Who gets a notification, and under which id."""
Held = tuple[UserId | None, Write]
"""What waits, and for whom; None: for all."""


class Tracing(Protocol):
    """Makes traces of what is shown."""

    def showing(self, envelope: dict[str, Any], connected: Callable[[UserId], bool]) -> AbstractContextManager[object]:
        """Around the opening of an envelope that belongs to a trace."""


class Hub:
    """The sessions of one instance."""

    tracing: Tracing | None = None
    """Set when traces are wanted."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        journal: Journal,
        counts_changed: CountsChanged,
        counts_at_once: CountsAtOnce,
        read_counts: ReadCounts,
        subscribed: Subscribed,
    ) -> None:
        self.sessions: dict[str, Session] = {}
        """By their ids."""
        self._of_user: dict[UserId, list[Session]] = {}
        self._metrics = metrics
        self._journal = journal
        self._counts_changed = counts_changed
        self._counts_at_once = counts_at_once
        self._read_counts = read_counts
        self._writer = Writer()
        self._lookups = Lookups(subscribed, lambda: self._of_user, self.reload)
        self._leaving = Leaving(self._writer, self._of_user, read_counts=read_counts, counts_changed=counts_changed)
        self._held: list[Held] | None = None
        self._held_size = 0
        self._dropped = False
        self._watched: dict[NotificationId, set[UserId | None]] = {}
        """Of what is being watched: who was told that it is otherwise now; None: all."""
        self._live, self._replayed = (metrics.sent.labels(kind) for kind in ("live", "replay"))

    # Sessions

    def join(self, session: Session) -> None:
        """From now on it is shown what is for its user."""
        self.sessions[session.sid] = session
        self._of_user.setdefault(session.user, []).append(session)
        self._leaving.joins(session)
        session.transport.join()
        self._metrics.sockets.set(len(self.sessions))

    def leave(self, sid: str) -> Session | None:
        """It is gone; None if it was not there."""
        session = self.sessions.pop(sid, None)
        if session is not None:
            session.transport.leave()
            others = self._of_user[session.user]
            others.remove(session)
            if not others:
                del self._of_user[session.user]
            self._metrics.sockets.set(len(self.sessions))
        return session

    def of_user(self, user: UserId) -> Sequence[Session]:
        """The user's sessions."""
        return self._of_user.get(user, ())

    def connected(self, user: UserId) -> bool:
        """Whether the user has a session."""
        return user in self._of_user

    async def close(self) -> None:
        """End what is still being done."""
        await self._lookups.close()
        await self._leaving.close()
        await self._writer.close()

    # What the channel brings

    async def show(self, content: Payload, recipients: Recipients, *, late: bool = False) -> None:
        """Show a notification to the sessions of its users. `content`: all of it but `id` and `userId`.

        `late`: newer ones may have been shown already; it comes in its place then, on a new transport.
        """
        here = [recipient for recipient in recipients if recipient[1] in self._of_user]
        if len(here) >= CROWD and not late and self._held is None:
            await self._show_crowd(content, here)
        elif here:
            self._counts_changed([user for _, user in here])
            self._live.inc(await self._writer.write(partial(self._showing, content, here, {}, late=late)))

    async def _show_crowd(self, content: Payload, recipients: Recipients) -> None:
        """The counts leave in the same write, if the store says them in time."""
        counts: Mapping[UserId, Counts] = {}
        users = [user for _, user in recipients]
        try:
            counts = await self._counts_at_once(users, len(users) * WRITE_SECONDS)
        finally:  # also when the caller does not wait any more
            self._live.inc(await self._writer.write(partial(self._showing, content, recipients, counts)))

    def _showing(
        self, content: Payload, recipients: Recipients, counts: Mapping[UserId, Counts], *, late: bool = False
    ) -> Writes:
        tail, until = orjson.dumps(content).decode()[1:], wire.expires_at(content)
        told = _encoded_counts()
        for id, user in recipients:
            count = counts.get(user)
            if count is not None and self._held is not None:
                self._counts_changed([user])  # for by then it may be another
                count = None
            show = _show_live(id, user, tail, until, None if count is None else told(count))
            if late:
                show = Copies({"id": id, "userId": user, **content}, late=True, how="late").show
            if self._held is not None:
                self._journal.note(id, "held", detail="until what was lacking has been read from the store")
            yield self._unless_held(user, show, len(tail)), show

    def _unless_held(self, user: UserId | None, write: Write, size: int) -> Sequence[Session]:
        """Who is to be written to now; nobody when what is stored has to wait."""
        if self._held is None:
            return self._meant(user)
        if len(self._held) < HELD_MAX and self._held_size < HELD_CHARACTERS:
            self._held.append((user, write))
            self._held_size += size
        else:
            self._dropped = True
        return ()

    async def announce(self, payload: Payload, *, stored: bool, patient: bool = False) -> None:
        """Show an announcement to all sessions, or to those of its topic's subscribers, once these are found.

        `patient`: wait for that for a moment.
        """
        if "topic" not in payload:
            await self._announce(payload, stored, None)
            return
        shown = self._lookups.add(payload["id"], payload["topic"], partial(self._announce, payload, stored))
        if patient:
            await asyncio.wait([shown], timeout=SUBSCRIBERS_WITHIN)

    async def _announce(self, payload: Payload, stored: bool, users: Collection[UserId] | None) -> None:
        """Show it to these users; None: to all."""
        shown = Shown.of(payload, stored=stored)
        show = writes.show(shown)

        def find() -> Writes:
            if not stored or self._held is None:
                return ((self._meant(user), show) for user in ((None,) if users is None else users))
            return [(self._unless_held(None, writes.only(users, show), len(shown.content.json)), show)]

        self._live.inc(await self._writer.write(find))
        if stored:
            self.counts_changed(users)

    async def retract(self, id: NotificationId) -> None:
        """Remove an announcement from all screens. Does not wait for the counts that belong to it, from the store."""
        self._lookups.forget(id)
        await self.take_away(None, [Gone(None, [id])])

    async def take_away(self, reason: wire.Reason | None, gone: Sequence[Gone]) -> None:
        """Remove these from the screens that show them. Does not wait for the counts that belong to that either."""
        for each in gone:
            self._note_change(each.ids, [each.user])
        await self._leaving.take_away(reason, gone)

    async def emit(self, event: str, payload: Any, users: Sequence[UserId] | None) -> None:
        """Emit an event to the sessions of these users; None: to all."""
        if users is not None and not any(user in self._of_user for user in users):
            return
        if self._watched and event in wire.STATE_CHANGED:
            self._note_change(payload.get("ids", self._watched), [None] if users is None else users)
        content = Content.of(payload)
        if writes.takes_away(event, payload):
            tell = writes.tell_gone(event, payload, content)
        else:
            tell = writes.tell(event, content)
        await self._writer.write(lambda: ((self._meant(user), tell) for user in ((None,) if users is None else users)))
        if event in wire.STATE_CHANGED:
            self._counts_changed(users or ())

    def _meant(self, user: UserId | None) -> Sequence[Session]:
        return list(self.sessions.values()) if user is None else self._of_user.get(user, ())

    # Reminders

    def users(self) -> Sequence[UserId]:
        """Those who have a session."""
        return list(self._of_user)

    @contextmanager
    def watch(self, id: NotificationId) -> Iterator[Collection[UserId | None]]:
        """Collects who is told meanwhile that this one is otherwise now, or gone; None: all are. One at a time."""
        self._watched[id] = set()
        try:
            yield self._watched[id]
        finally:
            del self._watched[id]

    def _note_change(self, ids: Iterable[NotificationId], users: Iterable[UserId | None]) -> None:
        for id in self._watched.keys() & set(ids):
            self._watched[id].update(users)

    async def remind(self, payload: Payload, users: Collection[UserId], unless: Collection[UserId | None]) -> None:
        """Show an announcement once more to these users' sessions; but not to those, as they are when it is written."""
        remind = writes.remind(Shown.of(payload, how="reminder"))

        def find() -> Writes:
            return ((self.of_user(user), remind) for user in users if not {user, None}.intersection(unless))

        await self._writer.write(find)

    # What the channel has lost

    def begin_to_hold(self) -> None:
        """Let what is stored wait, if it does not already."""
        if self._held is None:
            self._held = []

    @property
    def holding(self) -> bool:
        """Whether what is stored waits."""
        return self._held is not None

    def hold(self) -> list[Held]:
        """From now on let what is stored wait, for older ones have to be read first; what has waited so far."""
        held, self._held, self._held_size = self._held or [], [], 0
        return held

    async def show_held(self, held: Iterable[Held]) -> None:
        """Show what has waited."""
        for number, (user, write) in enumerate(held, 1):
            self._live.inc(await self._writer.write(partial(self._showing_held, user, write)))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _showing_held(self, user: UserId | None, write: Write) -> Writes:
        return [(self._meant(user), write)]

    async def release(self) -> bool:
        """Show what waits, in order, and let nothing wait any more. Whether that was everything: False when there was
        too much of it."""
        while self._held:
            await self.show_held(self.hold())
        self._held, self._held_size = None, 0
        complete, self._dropped = not self._dropped, False
        return complete

    async def show_missed(self, items: Iterable[Notification], *, how: str = "gap") -> None:
        """Show what may not have come through the channel to those sessions that lack it. `how`: what found it."""
        for number, item in enumerate(items, 1):
            if item.user_id in self._of_user and not item.archived:
                self._show_one_missed(item, how)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _show_one_missed(self, item: Notification, how: str) -> None:
        missed = Copies(wire.live(item), late=item.status is Status.PENDING, how=how)
        made_good = [
            self._make_good(session, item.id, missed, pending=item.status is Status.PENDING)
            for session in list(self.of_user(item.user_id))
        ]
        if any(made_good):
            self._counts_changed([item.user_id])

    async def show_missed_announcements(self, items: Iterable[Announcement], *, how: str = "gap") -> None:
        """Likewise for announcements."""
        for item in items:
            missed = Copies(wire.announcement(item), late=False, how=how)
            users = [None] if item.topic is None else await self._lookups.of(item.topic)
            for number, session in enumerate([session for user in users for session in self._meant(user)], 1):
                self._make_good(session, item.id, missed, pending=False)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)

    def _make_good(self, session: Session, id: NotificationId, missed: Copies, *, pending: bool) -> bool:
        """Whether the session was shown it now."""
        if session.has(id) or missed.made_at < session.opened_at - SKEW:
            return False  # it has it, or its replay was the time for it
        if missed.made_at < session.opened_at and not pending:
            return False  # another device has it, which had it before this session was there
        if missed.show(session):
            (self._replayed if missed.may_be_copy(session) else self._live).inc()
            self._metrics.recovered.inc()
            return True
        return False

    async def reload(self) -> None:
        """Changes of state may not have come: have all clients read again what they show."""
        await self.emit(wire.RELOAD, {}, None)
        self.counts_changed()

    # Counts

    def counts_changed(self, users: Iterable[UserId] | None = None) -> None:
        """The counts of these users may have changed; None: any of this instance's users."""
        self._counts_changed(self._of_user if users is None else [user for user in users if user in self._of_user])

    async def tell_counts(self, counts: Mapping[UserId, Counts]) -> None:
        """Write their counts to these users' sessions."""
        content = _encoded_counts()

        def find() -> Writes:
            return (
                (self.of_user(user), writes.tell(wire.UNREAD_COUNT, content(count))) for user, count in counts.items()
            )

        await self._writer.write(find)


def _show_live(id: NotificationId, user: UserId, tail: str, until: float | None, count: Content | None) -> Write:
    shown = Shown(id, Content(f'{{"id":"{id}","userId":{orjson.dumps(user).decode()},{tail}'), until=until)
    return writes.show(shown, count)


def _encoded_counts() -> Callable[[Counts], Content]:
    """Encodes each count once: many users have the same."""
    return cache(lambda count: Content.of(wire.counts(count)))
