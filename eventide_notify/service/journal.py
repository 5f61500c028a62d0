"""What this instance remembers of notifications: when it sent them to which sessions, and what became of that.

It is for questions that an operator asks about one notification (`service.timeline`), which are rare, while all that is
written to sessions and received by them is noted: so to note something is one tuple in a bounded ring, and everything
else is done when somebody asks. Of an announcement, which everybody gets, the instance only counts.

In memory: what is older than the bound is forgotten, and a restart forgets everything.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..models import NotificationId, Receipt, seconds_of

EVENTS_MAX = 100_000
"""What happened to notifications, at most: three or four of these are one notification of one device."""
CREATED_MAX = 10_000
"""Sends, each of which may have made many notifications."""
ENDS_MAX = 20_000
"""Sessions that have ended."""
ANNOUNCEMENTS_MAX = 1_000
EVENTS_OF_ONE = 200
"""Events of one notification that are told: the oldest of them."""
CHANGES_AT_ONCE = 1_000
"""Notifications whose change is noted, of those that one request changed."""
LATENCY_EVENTS = 20_000
LATENCIES_MAX = 1_000
"""The newest events, of which the latencies are made, and how many latencies at most."""

Told = dict[str, Any]
"""An event as JSON: `at` in seconds since 1970, `what`, and perhaps `session`, `detail` and `count`."""
_Event = tuple[float, NotificationId, str, str | None, str | None, str | None]
"""When, which notification, what, the session and its transport, and a detail."""
_End = tuple[float, str, str, str]
"""When, the session, its transport, and why."""


@dataclass(slots=True)
class _Reach:
    """How often an announcement was sent in one way, or received, and when for the first time."""

    at: float
    count: int = 0


class Journal:
    """The memory of one instance. Nothing here awaits or raises."""

    def __init__(self) -> None:
        self.began = time.time()
        self._at = 0.0
        """The time, looked at once in each turn of the event loop; 0: not in this one."""
        self._events: deque[_Event] = deque(maxlen=EVENTS_MAX)
        self._created: deque[tuple[float, NotificationId, NotificationId, int, str]] = deque(maxlen=CREATED_MAX)
        self._ends: deque[_End] = deque(maxlen=ENDS_MAX)
        self._announced: dict[NotificationId, dict[tuple[str, str], _Reach]] = {}

    # To note something

    def created(self, first: NotificationId, last: NotificationId, count: int, caller: str) -> None:
        """So many were saved together, under ids from one to the other. `caller`: who asked for it."""
        self._created.append((self._at or self._look(), first, last, count, caller))

    def sent(self, id: NotificationId, session: str, transport: str, how: str) -> None:
        """It was written to the session, or waits for its transport."""
        self._events.append((self._at or self._look(), id, "sent", session, transport, how))

    def received(self, receipts: Iterable[Receipt], transport: str, proof: str) -> None:
        """The client of this transport has proven to have these."""
        now = self._at or self._look()
        for _, id, broadcast in receipts:
            if broadcast:
                self.reached(id, "received", proof)
            else:
                self._events.append((now, id, "received", None, transport, proof))

    def note(self, id: NotificationId, what: str, *, session: str | None = None, detail: str | None = None) -> None:
        """Anything else that happened to it."""
        self._events.append((self._at or self._look(), id, what, session, None, detail))

    def acknowledged(self, ids: Iterable[NotificationId], session: str) -> None:
        """The client of this session has said that it has these."""
        for id in ids:
            self.note(id, "received", session=session, detail="ack")

    def changed(self, ids: Iterable[NotificationId], what: str, session: str | None) -> None:
        """Their user changed these, over this session, or by REST."""
        for id in islice(ids, CHANGES_AT_ONCE):
            self.note(id, what, session=session)

    def reached(self, id: NotificationId, what: str, how: str) -> None:
        """An announcement was sent to a session, or received by it."""
        counts = self._announced.get(id)
        if counts is None:
            if len(self._announced) >= ANNOUNCEMENTS_MAX:
                del self._announced[next(iter(self._announced))]
            counts = self._announced[id] = {}
        reach = counts.get((what, how))
        if reach is None:
            reach = counts[what, how] = _Reach(self._at or self._look())
        reach.count += 1

    def ended(self, session: str, transport: str, why: str) -> None:
        """The session is gone."""
        self._ends.append((self._at or self._look(), session, transport, why))

    def _look(self) -> float:
        asyncio.get_running_loop().call_soon(self._look_again)
        self._at = time.time()
        return self._at

    def _look_again(self) -> None:
        self._at = 0.0

    # To ask

    @property
    def remembers_from(self) -> float:
        """What happened before this moment may be forgotten."""
        forgetful = [ring[0][0] for ring in (self._events, self._created, self._ends) if len(ring) == ring.maxlen]
        return max([self.began, *forgetful])

    def of(self, id: NotificationId) -> list[Told]:
        """What is remembered of this one, oldest first."""
        found = (event for event in self._events if event[1] == id)
        events = list(found if id in self._announced else islice(found, EVENTS_OF_ONE))
        if id in self._announced:
            told = [*self._creations(id), *_summed(events), *self._counts(id)]
        else:
            told = [*self._creations(id), *_told(events), *self._lost(events)]
        return sorted(told, key=lambda event: event["at"])

    def latencies(self, *, since: float) -> list[float]:
        """Seconds from creation to receipt, of some of what was sent live and received since then."""
        newest = list(islice(reversed(self._events), LATENCY_EVENTS))
        received = [event for event in newest if event[2] == "received" and event[0] >= since]
        some = received[:: len(received) // LATENCIES_MAX + 1]
        wanted = {event[1] for event in some}
        live = {(event[1], event[4]) for event in newest if event[1] in wanted and event[5] == "live"}
        return [at - seconds_of(id) for at, id, _, _, transport, _ in some if (id, transport) in live]

    def _creations(self, id: NotificationId) -> Iterator[Told]:
        for at, first, last, count, caller in self._created:
            if first <= id <= last:
                others = f", one of {count:,}" if count > 1 else ""
                yield {"at": at, "what": "created", "detail": by(caller) + others}

    def _lost(self, events: Sequence[_Event]) -> Iterator[Told]:
        """What was sent to sessions that have ended without proof that it was received."""
        received = {transport or session for _, _, what, session, transport, _ in events if what == "received"}
        waiting = {
            session: at
            for at, _, what, session, transport, _ in events
            if what == "sent" and transport not in received and session not in received
        }
        if waiting:
            for at, session, _, why in self._ends:
                if session in waiting:
                    yield {"at": at, "what": "lost", "session": session, "detail": why}

    def _counts(self, id: NotificationId) -> Iterator[Told]:
        for (what, how), reach in self._announced[id].items():
            yield {"at": reach.at, "what": what, "detail": how, "count": reach.count}


def by(caller: str) -> str:
    """Who did it, in words."""
    return f"by {caller.strip() or 'the application itself'}"


def _summed(events: Sequence[_Event]) -> Iterator[Told]:
    """Of an announcement: what so many users did with it."""
    first: dict[tuple[str, str | None], Told] = {}
    for at, _, what, _, _, detail in events:
        told = first.setdefault((what, detail), {"at": at, "what": what, "count": 0})
        told["count"] += 1
        if detail is not None:
            told["detail"] = detail
    yield from first.values()


def _told(events: Sequence[_Event]) -> Iterator[Told]:
    sessions = {transport: session for _, _, what, session, transport, _ in events if what == "sent"}
    known = set[str | None]()
    for at, _, what, session, transport, detail in events:
        by = session or sessions.get(transport)
        if what == "received":
            if by is not None and by in known:
                continue  # acknowledged, too
            known.add(by)
        told = {"at": at, "what": what, "session": by, "detail": detail}
        yield {name: value for name, value in told.items() if value is not None}
