"""Critical states: when each begins, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

BEGINS_AFTER = timedelta(seconds=5)
"""How long a problem lasts before it is one to tell people of."""
ENDS_AFTER = timedelta(seconds=20)
"""How long it must be gone. What comes and goes more often is one incident."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A state has begun, or ended."""

    state: str
    detail: str
    """What was seen of it last."""
    since: datetime
    until: datetime | None = None
    """None: it has begun."""


@dataclass(slots=True)
class _Incident:
    since: datetime
    seen: datetime
    detail: str
    told: bool = False
    fine_since: datetime | None = None
    """When it was first seen to be gone."""


class Incidents:
    """Makes incidents of problems that are looked at again and again. No I/O."""

    def __init__(self) -> None:
        self._incidents: dict[str, _Incident] = {}

    def observe(self, problems: Mapping[str, str], *, now: datetime) -> list[Turn]:
        """What has begun or ended. `problems`: those that there are now, by state, in words."""
        for state, detail in problems.items():
            incident = self._incidents.setdefault(state, _Incident(now, now, detail))
            incident.seen, incident.detail, incident.fine_since = now, detail, None
        for state in self._incidents.keys() - problems.keys():
            incident = self._incidents[state]
            incident.fine_since = incident.fine_since or now  # while nobody looked, nobody knows
        return [turn for state in list(self._incidents) if (turn := self._turn(state, now)) is not None]

    def _turn(self, state: str, now: datetime) -> Turn | None:
        incident = self._incidents[state]
        if not incident.told and incident.seen - incident.since >= BEGINS_AFTER:
            incident.told = True
            return Turn(state, incident.detail, incident.since)
        if incident.fine_since is None or now - incident.fine_since < ENDS_AFTER:
            return None
        del self._incidents[state]
        return Turn(state, incident.detail, incident.since, incident.seen) if incident.told else None
