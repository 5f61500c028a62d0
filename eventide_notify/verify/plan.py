"""What a run is to do, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .client import TransportName
from .ledger import Figures
from .proxy import Fault

Drops = Literal["clean", "silent", "mixed", "none"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Times in seconds."""

    urls: Sequence[str]
    event: str
    """The name of a live notification in `/notifications`."""
    users: int = 30
    notifications: int = 600
    transport: TransportName = "websocket"
    drops: Drops = "mixed"
    drop_every: float = 2.0
    """How long a client's network holds between two drops."""
    drop_for: float = 2.0
    seconds: float = 20.0
    """In which the notifications are created."""
    settle: float = 60.0
    """How long at most clients may take to come back, and then everything to be received and confirmed."""
    keep: bool = False

    @property
    def calm(self) -> int:
        """How many notifications are kept for after the drops: one for each user from each URL, but a quarter at most.

        Clients that come back all the time get everything by replay. Only while nothing breaks it shows that what one
        instance is sent also reaches the clients of another.
        """
        return 0 if self.drops == "none" else min(self.users * len(self.urls), self.notifications // 4)


@dataclass(slots=True)
class Network:
    """What the clients and the sender went through."""

    drops: Counter[Fault] = field(default_factory=Counter)
    """Drops that broke an open connection."""
    reconnects: int = 0
    send_errors: Counter[str] = field(default_factory=Counter)
    """Attempts to send that failed and were repeated, by status or reason."""
    checks: int = 0
    """How often the server was asked what it holds for delivered while a user's network was cut."""
    cut_short: int = 0
    """Connects on which more was waiting than the server replays."""
    sent_away: Mapping[str, str] = field(default_factory=dict)
    """Clients that the server refused or disconnected, which a stock client does not come back from."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    plan: Plan
    run: str
    """The prefix of the users' names."""
    figures: Figures
    network: Network
    left: Sequence[str]
    """Users whose notifications could not be deleted afterwards."""

    @property
    def passed(self) -> bool:
        return not any(self.figures.faults.values())
