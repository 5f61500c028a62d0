"""The instances of the service: how each is, what it does, and whom it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import wire
from ..models import UserId
from ..wire import Payload
from .figures import Figures, RecentWarnings
from .questions import Questions
from .readiness import Readiness
from .users import checked

REPORT_WITHIN = 0.5
"""Seconds that the own parts have to answer; then what they answered last is told."""
LISTED_FOR = 600.0
"""Seconds for which a silent instance is listed. One that ends in order says so, and is not."""

DescribeSessions = Callable[[UserId], Sequence[Payload]]
"""This instance's sessions of a user, as JSON."""


class Instances:
    """Answers for this instance, and asks all."""

    def __init__(
        self,
        questions: Questions,
        readiness: Readiness,
        figures: Figures,
        warnings: RecentWarnings,
        *,
        host: str,
        version: str,
        accepting: Callable[[], bool],
        sockets: Callable[[], int],
        sessions: DescribeSessions,
        heard: Callable[[], Mapping[str, float]],
        clock: Callable[[], datetime],
    ) -> None:
        """`heard`: how many seconds ago each of the others was heard that has not said that it ends."""
        self._questions = questions
        self._readiness = readiness
        self._figures = figures
        self._warnings = warnings
        self._accepting = accepting
        self._sockets = sockets
        self._sessions = sessions
        self._heard = heard
        self._clock = clock
        self._about = {
            "id": questions.instance,
            "host": host,
            "version": version,
            "since": wire.iso(clock()),
        }
        self._known: dict[str, Payload] = {}
        """What instances have answered last."""
        questions.handle("instance", self._tell)
        questions.handle("warnings", self._tell_warnings)
        questions.handle("sessions", self._tell_sessions)

    async def all(self) -> list[Payload]:
        """All of them, those that are silent too, in the order of their ids."""
        answers = await self._asked("instance")
        now = self._clock()
        unheard = {id: ago for id, ago in self._heard().items() if id not in answers and ago < LISTED_FOR}
        known = {id: self._known.get(id, {}) for id in unheard}
        self._known = {**known, **answers}
        silent = [_silent(id, known[id], now - timedelta(seconds=ago)) for id, ago in unheard.items()]
        return sorted([*answers.values(), *silent], key=lambda each: str(each["id"]))

    async def recent_warnings(self) -> list[Payload]:
        """Of all instances that answer, newest first."""
        answers = await self._asked("warnings")
        found = [{**each, "instance": id} for id, records in answers.items() for each in records]
        found.sort(key=lambda each: float(each["at"]), reverse=True)
        return [{**each, "at": iso_of(each["at"])} for each in found]

    async def sessions_of(self, user: UserId) -> list[Payload]:
        """The user's open sessions on all instances that answer, oldest first."""
        answers = await self._asked("sessions", user=checked(user))
        found = [{**each, "instance": id} for id, sessions in answers.items() for each in sessions]
        return sorted(found, key=lambda each: str(each["since"]))

    async def _asked(self, question: str, **arguments: Any) -> dict[str, Any]:
        answers = await self._questions.ask(question, **arguments)
        return {id: answer for id, answer in answers.items() if answer is not None}  # None: of another version

    async def _tell(self, arguments: Mapping[str, Any]) -> Payload:
        report = await self._readiness.report_within(REPORT_WITHIN)
        return {
            **self._about,
            "status": report.status if self._accepting() else "draining",
            "problems": list(report.problems),
            "sockets": self._sockets(),
            "figures": self._figures.of_now(),
        }

    async def _tell_warnings(self, arguments: Mapping[str, Any]) -> list[Payload]:
        return self._warnings.kept()

    async def _tell_sessions(self, arguments: Mapping[str, Any]) -> Sequence[Payload]:
        return self._sessions(arguments["user"])


def _silent(id: str, known: Payload, heard_at: datetime) -> Payload:
    about: Payload = {name: known[name] for name in ("host", "version", "since") if name in known}
    problem = f"it does not answer, and was heard last at {wire.iso(heard_at)}"
    return {"id": id, **about, "status": "silent", "problems": [problem], "lastHeard": wire.iso(heard_at)}


def iso_of(at: float) -> str:
    """Seconds since 1970, as on the wire."""
    return wire.iso(datetime.fromtimestamp(at, UTC))
