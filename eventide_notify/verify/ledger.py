"""The ledger: what was created, what arrived, what the server says about it, and what that proves.

No I/O and no clock. Times are seconds since the epoch on this machine's clock, except for the server's own, which
`audited` is given.

A receipt is false when the server says `DELIVERED` although the client had nothing. Two things prove one, and neither
can blame a sound server, because a client writes down a notification before it answers the ping behind it:

* the server says so at a moment when the client does not have the notification;
* its `deliveredAt` lies before the client's receipt. For this the clocks are compared by what is known of each 201:
  its notification's `createdAt` on the server's clock was not later than the answer on ours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

CLOCK_SLACK = 0.25
"""Seconds that the clocks of instances behind one URL may differ, for `deliveredAt` to count against them."""
EXAMPLES = 3
PENDING = "PENDING"

Connection = tuple[str, int]
"""A user, and the how manieth connection of their client."""


@dataclass(slots=True)
class _Entry:
    """What is known of one notification."""

    user: str
    answered_at: float | None = None
    """When its 201 came."""
    received_at: float | None = None
    online: float = 0
    """How long the client was connected between 201 and receipt."""
    status: str | None = None
    """The last that the server said."""
    delivered_at: float | None = None
    """The server's time."""
    created_by: str | None = None
    """The URL that answered the only attempt to create it."""
    created_at: float | None = None
    """The server's time."""

    @property
    def confirmed(self) -> bool:
        return self.status not in (None, PENDING)


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The ledger's sums."""

    created: int
    """Answered with 201."""
    received: int
    """Different ones, of those."""
    copies: int
    """What arrived beyond the first of each."""
    replayed_copies: int
    """Copies that were marked `replayed`."""
    late: Delay | None
    """From 201 to the first receipt. None: there was none."""
    late_online: Delay | None
    """The part of that in which the client was connected: what the server took, not the network."""
    delivered: int
    """The server says that a client has it (status `DELIVERED` or `READ`)."""
    faults: Mapping[str, int]
    """By each name of `FAULTS`, how many; 0 where all is well."""
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Some of each fault, in words."""


FAULTS = {
    "not_created": "no 201 came, however often it was tried",
    "created_twice": "a repeated request was carried out again in spite of its Idempotency-Key",
    "lost": "created, and never received",
    "shown_twice": "shown twice by a client that drops ids it has",
    "unmarked_copies": "a copy that is not marked replayed",
    "sent_twice": "sent twice on one connection",
    "out_of_order": "came after a newer one on the same connection",
    "falsely_delivered": "DELIVERED, although no client had it",
    "unconfirmed": "received, and still not DELIVERED at the end",
}
"""What must not be."""


class Ledger:
    """Entries come in in any order; `figures` sums them up."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._by_user: dict[str, list[_Entry]] = defaultdict(list)
        self._waiting: Counter[str] = Counter()
        self._connections: dict[Connection, set[str]] = defaultdict(set)
        self._newest: dict[Connection, str] = {}
        self._copies = Counter[bool]()
        self._shown = Counter[str]()
        self._found: dict[str, list[str]] = defaultdict(list)
        self._false: set[str] = set()
        self.created_count = 0
        self.received_count = 0

    # Entries

    def created(self, id: str, user: str, *, at: float, by: str | None = None, online: float = 0) -> None:
        """A 201 came; `by`: from this URL, to the first attempt (of a later one it is not known when it was made).

        `online`, here and in `arrived`: how many seconds the user's client has been connected up to now.
        """
        entry = self._entry(id, user)
        entry.answered_at, entry.created_by = at, by
        entry.online -= online
        self.created_count += 1
        self._waiting[user] += entry.received_at is None

    def not_created(self, what: str) -> None:
        """It was given up."""
        self._found["not_created"].append(what)

    def arrived(self, connection: Connection, id: str, *, replayed: bool, at: float, online: float = 0) -> None:
        """The user's client was sent this."""
        entry = self._entry(id, connection[0])
        seen, newest = self._connections[connection], self._newest.get(connection, "")
        where = f"{id} on connection {connection[1]} of {connection[0]}"
        if id in seen:
            self._found["sent_twice"].append(where)
        elif id < newest:
            self._found["out_of_order"].append(f"{where}, {'replayed ' if replayed else ''}after {newest}")
        seen.add(id)
        self._newest[connection] = max(id, newest)
        if entry.received_at is None:
            entry.received_at = at
            entry.online += online
            self.received_count += 1
            self._waiting[entry.user] -= entry.answered_at is not None
        else:
            self._copies[replayed] += 1
            if not replayed:
                self._found["unmarked_copies"].append(where)

    def shown(self, ids: Collection[str]) -> None:
        """What one user's client showed, repetitions included; what was never entered is not counted."""
        self._shown.update(id for id in ids if id in self._entries)

    def audited(self, id: str, user: str, status: str, *, created_at: float, delivered_at: float | None) -> None:
        """The server's answer about a notification has just come, with its own times."""
        entry = self._entry(id, user)
        entry.status, entry.created_at, entry.delivered_at = status, created_at, delivered_at
        if entry.confirmed and entry.received_at is None:
            self._false.add(id)

    # Questions

    def is_waiting(self, user: str) -> bool:
        """Whether anything that was created for this user has not been received."""
        return self._waiting[user] > 0

    def is_settled(self, user: str) -> bool:
        """Whether all of it has been received and, as far as the server was asked, confirmed."""
        mine = (entry for entry in self._by_user[user] if entry.answered_at is not None)
        return all(entry.received_at is not None and entry.confirmed for entry in mine)

    def figures(self) -> Figures:
        """The sums so far."""
        created = {id: entry for id, entry in self._entries.items() if entry.answered_at is not None}
        late, late_online = [], []
        for entry in created.values():
            if entry.received_at is not None and entry.answered_at is not None:
                late.append(max(0.0, entry.received_at - entry.answered_at))
                late_online.append(max(0.0, entry.online))
        found = {name: self._found[name] for name in FAULTS}
        found["lost"] = self._named(id for id, entry in created.items() if entry.received_at is None)
        found["shown_twice"] = self._named(id for id, times in self._shown.items() if times > 1)
        found["falsely_delivered"] = self._named(self._false | self._delivered_too_early())
        found["unconfirmed"] = self._named(
            id for id, entry in created.items() if entry.received_at is not None and not entry.confirmed
        )
        # Without a 201: one may be what was given up after all, the others were made by a request that was repeated.
        strangers = [id for id, entry in self._entries.items() if entry.answered_at is None]
        found["created_twice"] = self._named(strangers[len(found["not_created"]) :])
        return Figures(
            created=len(created),
            received=len(late),
            copies=self._copies.total(),
            replayed_copies=self._copies[True],
            late=_delay(late),
            late_online=_delay(late_online),
            delivered=sum(entry.confirmed for entry in created.values()),
            faults={name: len(cases) for name, cases in found.items()},
            examples={name: cases[:EXAMPLES] for name, cases in found.items() if cases},
        )

    def _delivered_too_early(self) -> set[str]:
        """Those that were received later than `deliveredAt` says, whatever the clocks may be."""
        behind: dict[str, float] = {}
        for entry in self._entries.values():
            if entry.created_by is not None and entry.created_at is not None and entry.answered_at is not None:
                least = entry.created_at - entry.answered_at
                behind[entry.created_by] = max(least, behind.get(entry.created_by, least))
        if not behind:
            return set()
        # The server's clock is ahead of ours by no less than this.
        ahead = min(behind.values()) - CLOCK_SLACK
        return {
            id
            for id, entry in self._entries.items()
            if entry.delivered_at is not None
            and entry.received_at is not None
            and entry.delivered_at - ahead < entry.received_at
        }

    def _entry(self, id: str, user: str) -> _Entry:
        if id not in self._entries:
            self._entries[id] = _Entry(user)
            self._by_user[user].append(self._entries[id])
        return self._entries[id]

    def _named(self, ids: Iterable[str]) -> list[str]:
        return [f"{id} of {self._entries[id].user}" for id in sorted(ids)]


def _delay(seconds: Iterable[float]) -> Delay | None:
    ordered = sorted(seconds)

    def not_exceeded_by(share: float) -> float:
        return ordered[ceil(share * len(ordered)) - 1]

    return Delay(not_exceeded_by(0.5), not_exceeded_by(0.99), ordered[-1]) if ordered else None
