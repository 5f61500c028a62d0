"""Alerts: people are told when a critical state begins and when it ends, by one instance."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from .. import wire
from ..errors import EventideError, OutcomeUnknown, Unavailable
from ..models import Draft, UserId
from ..store.base import Claim, Store
from .incidents import Incidents, Turn

logger = logging.getLogger(__name__)

TYPE = "SYSTEM_ALERT"
WITHIN = timedelta(seconds=10)
"""Instances that see the same state begin or end within this time see the same incident. Less than half of the time
between two beginnings, see `incidents`."""
WAITING_MAX = 100
"""Alerts to users that wait for the database, at most; older ones are dropped."""
DETAIL_MAX = 1_000
"""Characters of what is wrong that are told."""
LOOK_SECONDS = 3.0
"""How long a look at one part may take."""
CLAIM_SECONDS = 2.0
"""How long the store may take to say whose turn it is to tell."""
TITLES = {
    "database": "The database is unavailable",
    "redis": "Redis is unavailable",
    "gap": "Instances do not hear one another",
    "backlog": "Too much is waiting",
    "errors": "Many requests fail",
    "keys": "The keys for tokens cannot be fetched",
    "background": "Background work fails",
}

Look = Callable[[], Awaitable[str | None]]
"""What is wrong, in words; None: nothing is."""


class Send(Protocol):
    """Sends to users; see `NotificationService.send`."""

    async def __call__(self, users: Sequence[UserId], draft: Draft, *, idempotency_key: str, caller: str) -> object: ...


class Sender(Protocol):
    """Sends what is told to somebody outside, see `webhooks`."""

    def send(self, id: str, payload: Mapping[str, Any]) -> None: ...


class Alerts:
    """Looks at the parts again and again (`look`), and tells people (`tell`, which may take long). Call both every two
    seconds.

    `looks`: by state. `shared`: the states that all instances see; of each of these one instance tells, the one that
    claims it in the store. While the store is unavailable, that is the instance for which `leads` is true; if Redis is
    unavailable as well, nobody knows of the others, and all tell. States that are not shared are told by the instance
    that is in them.
    """

    def __init__(
        self,
        looks: Mapping[str, Look],
        *,
        shared: frozenset[str],
        store: Store,
        send: Send,
        users: Sequence[UserId],
        webhook: Sender | None,
        instance: str,
        leads: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._looks = looks
        self._shared = shared
        self._store = store
        self._send = send
        self._users = users
        self._webhook = webhook
        self._instance = instance
        self._leads = leads
        self._clock = clock
        self._incidents = Incidents()
        self._turns: deque[Turn] = deque(maxlen=WAITING_MAX)
        self._waiting: deque[tuple[str, Draft]] = deque(maxlen=WAITING_MAX)

    @property
    def told(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._users or self._webhook)

    async def look(self) -> None:
        """Look at all parts, and note what is to be told."""
        found = await asyncio.gather(*(self._look(look) for look in self._looks.values()))
        problems = {state: what for state, what in zip(self._looks, found, strict=True) if what is not None}
        for turn in self._incidents.observe(problems, now=self._clock()):
            logger.log(logging.ERROR if turn.until is None else logging.WARNING, "%s: %s", _title(turn), _text(turn))
            self._turns.append(turn)

    async def tell(self) -> None:
        """Tell people of what was noted, and send what waits for the database."""
        while self._turns:
            turn = self._turns[0]
            if await self._is_ours(turn):
                if self._webhook is not None:
                    self._webhook.send(self._id(turn), self._payload(turn))
                if self._users:
                    self._waiting.append((self._id(turn), self._draft(turn)))
            self._turns.popleft()
        await self._send_waiting()

    async def _look(self, look: Look) -> str | None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await look()
        except TimeoutError:
            return f"no answer within {LOOK_SECONDS:g} s"
        except Exception as error:  # which nobody expected; the other parts are looked at all the same
            logger.debug("a look has failed", exc_info=True)
            return f"the look at it has failed ({type(error).__name__})"

    async def _send_waiting(self) -> None:
        while self._waiting:
            id, draft = self._waiting[0]
            try:
                await self._send(self._users, draft, idempotency_key=id, caller="alerts")
            except (Unavailable, OutcomeUnknown):
                return  # it is sent when the database is back
            except EventideError as error:
                logger.error("an alert cannot be sent to users: %s", error)
            self._waiting.popleft()

    # Who tells

    async def _is_ours(self, turn: Turn) -> bool:
        if turn.state not in self._shared:
            return True
        at = turn.until or turn.since
        try:
            # Clocks and looks differ: for who was there just before, the same moment may have the number before.
            async with asyncio.timeout(CLAIM_SECONDS):
                numbers = (_number(at) - 1, _number(at))
                return all([await self._claim(f"{_kind(turn)}-{number}", at) for number in numbers])
        except (Unavailable, OutcomeUnknown, TimeoutError):
            return self._leads()

    async def _claim(self, key: str, now: datetime) -> bool:
        claim = Claim(f"alerts\n{key}", self._instance, (), now)
        held = await self._store.add([], claim=claim)
        return held is None or held.fingerprint == self._instance

    # What is told

    def _id(self, turn: Turn) -> str:
        whose = "" if turn.state in self._shared else f"-{self._instance[:8]}"
        return f"alert-{_kind(turn)}{whose}-{_number(turn.until or turn.since)}"

    def _payload(self, turn: Turn) -> dict[str, Any]:
        data = {"state": turn.state, "title": _title(turn), "detail": _detail(turn), "instance": self._instance}
        return {
            "type": "alert.began" if turn.until is None else "alert.ended",
            "timestamp": wire.iso(self._clock()),
            "data": {**data, "since": wire.iso(turn.since), "until": turn.until and wire.iso(turn.until)},
        }

    def _draft(self, turn: Turn) -> Draft:
        return Draft(type=TYPE, title=_title(turn), message=_text(turn), data=self._payload(turn)["data"])


def _kind(turn: Turn) -> str:
    return f"{turn.state}-{'began' if turn.until is None else 'ended'}"


def _number(at: datetime) -> int:
    return int(at.timestamp() / WITHIN.total_seconds())


def _title(turn: Turn) -> str:
    title = TITLES.get(turn.state, turn.state)
    return title if turn.until is None else f"Over: {title}"


def _text(turn: Turn) -> str:
    since = f"{turn.since:%Y-%m-%d %H:%M:%S} UTC"
    if turn.until is None:
        return f"{_detail(turn)} (since {since})"
    return f"It lasted from {since} to {turn.until:%H:%M:%S} UTC. Last seen: {_detail(turn)}"


def _detail(turn: Turn) -> str:
    """Whatever text an error has, it can be saved and sent."""
    return turn.detail[:DETAIL_MAX].replace("\x00", "").encode(errors="replace").decode()
