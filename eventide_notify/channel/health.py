"""What this instance hears of the others, and what it lacks.

Every instance numbers its envelopes, and says in each heartbeat which was the last. So a receiver knows exactly when
it lacks some, and since when: since the moment at which it had everything of that instance. While an instance is silent
nobody knows what it has sent, so as long as that lasts something may be lacking.

An instance that does not hear itself is *deaf*: nothing of what comes through Redis reaches it.

The state is latched: it changes when something is heard, or is found to be missing at `check`, and `made_good` ends
what was lacking once that has been read from the store. No I/O; times are passed in, in seconds on any one clock.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

logger = logging.getLogger(__name__)

SILENCE = 3.0
"""Seconds without a heartbeat after which an instance is silent."""
STOOD_STILL = 5.0
"""Seconds without a `check` after which this process itself was not running; a frozen Redis delays one by three."""
FORGET = 60.0
"""Seconds after which a silent instance counts as gone; until then what it may have sent is read."""
LONGEST = 3600.0
"""Seconds. Nothing older is lacking: what nobody has of it is found by `service.missed.Sweep`."""

DELAY = 1.0
"""Seconds by which a message may come later than others of its instance, and be as good as them."""
DRIFT = 0.001
"""By how much the clocks of two machines may run at different speeds. (They may show different times anyway.)"""


@dataclass(slots=True)
class _Heard:
    """What was heard of an instance."""

    number: int
    """Of its last envelope that was received, or is known to be lacking."""
    at: float
    """When it sent what was heard last: until then everything has come, or is known to be lacking."""
    age: float
    """Its age then."""
    heard_at: float
    """When that came here, however long it took."""
    silent: bool = False
    gone: bool = False
    """Whether it has been silent for so long that nothing more is expected. It may come back all the same."""
    left: bool = False
    """Whether it has said that it ends. What still comes of it is out of date."""


@dataclass(slots=True)
class _Lacking:
    since: float
    noticed_at: float
    reason: str
    began_at: float
    """When anything began to be lacking, however much of it has been read since."""


class ChannelHealth:
    """The one place that knows whether the channel is whole."""

    def __init__(self, own: str, *, now: float) -> None:
        self._own = own
        self._instances: dict[str, _Heard] = {}
        self._began = self._own_at = self._checked_at = now
        self._subscribed = False
        self._introduced_until = now
        self._lacking: _Lacking | None = None
        self._lost_at: float | None = None
        self._read = now, now  # from when to when everything has been read from the store
        self.deaf = False
        """Whether this instance does not hear itself."""
        self.gaps = 0
        """How often it was found that something did not come."""

    # What is heard

    def subscribed(self, *, now: float) -> None:
        """From now on something is heard; what was said before that is known to be lacking by the numbers."""
        if self._subscribed:
            self._introduced_until = now
        self._subscribed = True

    def began(self, *, now: float) -> None:
        """The instance takes clients from now on.

        Whatever others sent before is none of its business. If it was `subscribed` by now, it lacks nothing of those
        that tell of themselves with their next heartbeat, however much they have sent so far.
        """
        self._began = self._own_at = self._checked_at = now
        self._introduced_until = now + SILENCE if self._subscribed else now

    def heard(self, instance: str, last: int, *, age: float, now: float) -> None:
        """A heartbeat: the instance began `age` seconds ago, and has published `last` envelopes."""
        if instance == self._own:
            self._own_at = now
            if self.deaf:
                self.deaf = False
                logger.warning("this instance hears itself through Redis again")
            return
        known = self._known(instance, last, age, now)
        if not known.left:
            self._find_gap(instance, known, last, now)
            self._is_heard(known, last, age, now)

    def received(self, instance: str, first: int, count: int, *, age: float, late: bool, now: float) -> int:
        """So many envelopes have come, the first with this number, sent at this age. How many have come before.

        `late`: their publisher could not publish them at once, and others may have published newer ones meanwhile; what
        is stored of them counts as lacking.
        """
        known = self._known(instance, first - 1, age, now)
        copies = min(max(known.number - first + 1, 0), count)
        if known.left:
            return copies
        if not self._find_gap(instance, known, first - 1, now) and copies < count:
            if late:
                self._lost(known.at, now, f"envelopes of instance {instance[:8]} came late")
            elif self.delayed(instance, age=age, now=now):
                self.gaps += 1
                self._lacks(max(known.at, now - LONGEST), now, f"envelopes of instance {instance[:8]} were held up")
        self._is_heard(known, first + count - 1, age, now)
        return copies

    def delayed(self, instance: str, *, age: float, now: float) -> bool:
        """Whether what this instance sent at this age was delayed, as by a Redis that stood still.

        Others may have shown newer ones meanwhile. Ask before it counts as `received`.
        """
        known = self._instances.get(instance)
        return known is not None and now - (known.at + age - known.age) > DELAY

    def left(self, instance: str, last: int, *, age: float, now: float) -> None:
        """The instance has said that it ends, after so many envelopes."""
        if instance != self._own:
            self.heard(instance, last, age=age, now=now)
            known = self._instances[instance]
            known.gone = known.left = True

    def check(self, *, now: float) -> None:
        """Find out what is silent. Call it every second."""
        paused, self._checked_at = now - self._checked_at, now
        if paused > STOOD_STILL:
            return  # nobody has been heard because this process stood still; what has come meanwhile is heard first
        for instance, heard in list(self._instances.items()):
            self._check_other(instance, heard, now)
        # Last, for it is the reason that is told: who hears nothing does not hear the others either.
        if not self.deaf and now - self._own_at > SILENCE:
            self.deaf = True
            logger.warning("this instance does not hear itself through Redis")
        if self.deaf:
            silence = f"this instance has not heard itself through Redis for {now - self._own_at:.0f} s"
            self._lacks(self._own_at, now, silence)
            self._lost_at = now

    def _check_other(self, instance: str, heard: _Heard, now: float) -> None:
        silent_for = now - heard.heard_at
        if silent_for > LONGEST:
            del self._instances[instance]
        elif heard.gone or silent_for <= SILENCE:
            return
        elif silent_for > FORGET:
            heard.gone, heard.silent = True, False
            self._lacks(heard.at, now, f"instance {instance[:8]} has not been heard for {silent_for:.0f} s")
            self._lost_at = now  # at the last moment: what it did then may not have been told to anybody
        else:
            heard.silent = True
            self._lacks(heard.at, now, f"instance {instance[:8]} has not been heard for {silent_for:.0f} s")

    @property
    def others(self) -> list[str]:
        """The other instances that are there, for all that is known: those that were heard lately."""
        return [
            instance
            for instance, heard in list(self._instances.items())  # it may be asked in a thread
            if not (heard.silent or heard.gone or heard.left)
        ]

    def heard_ago(self, *, now: float) -> dict[str, float]:
        """How many seconds ago each of the others was heard that has not said that it ends."""
        return {instance: now - heard.heard_at for instance, heard in self._instances.items() if not heard.left}

    # What is lacking

    @property
    def lacking_since(self) -> float | None:
        """From when on something may be lacking; None: nothing is."""
        return None if self._lacking is None else self._lacking.since

    @property
    def degraded_since(self) -> float | None:
        """Since when there are `problems`; None: there are none."""
        return None if self._lacking is None else self._lacking.began_at

    @property
    def problems(self) -> list[str]:
        """Why something may be lacking, in words; empty: the channel is whole."""
        return [] if self._lacking is None else [self._lacking.reason]

    def made_good(self, *, since: float, read_at: float) -> bool:
        """Everything from `since` on has been read from the store at `read_at`. Whether clients have to read again what
        they show: changes of state may have been lost, and no more are being lost."""
        self._read = (min(since, self._read[0]) if since <= self._read[1] else since), read_at
        if self._lacking is not None and self._lacking.since < since:
            return False  # what was found to be lacking meanwhile is older
        lost = not self.deaf and self._lost_at is not None and self._lost_at <= read_at
        if lost:
            self._lost_at = None
        if self._lacking is not None:
            self._end_or_go_on(self._lacking, read_at)
        return lost

    def _end_or_go_on(self, lacking: _Lacking, read_at: float) -> None:
        if self.deaf or lacking.noticed_at > read_at or any(heard.silent for heard in self._instances.values()):
            lacking.since = max(lacking.since, read_at)
        else:
            self._lacking = None
            logger.info("what did not come through Redis has been read from the store")

    def _find_gap(self, instance: str, known: _Heard, last: int, now: float) -> bool:
        missing = last - known.number
        if missing > 0:
            self._lost(known.at, now, f"{missing} envelope(s) of instance {instance[:8]} did not come")
        return missing > 0

    def _lost(self, since: float, now: float, reason: str) -> None:
        self.gaps += 1
        self._lost_at = now
        if self.deaf and self._lacking is not None:
            reason = self._lacking.reason  # what comes first, when it hears something again, is part of that
        self._lacks(max(since, now - LONGEST), now, reason)

    def _lacks(self, since: float, now: float, reason: str) -> None:
        if self._read[0] <= since < self._read[1]:
            since = self._read[1]
        if self._lacking is None:
            logger.warning("%s: reading from the store", reason)
            self._lacking = _Lacking(since, now, reason, now)
        else:
            self._lacking = _Lacking(min(since, self._lacking.since), now, reason, self._lacking.began_at)

    def _known(self, instance: str, number: int, age: float, now: float) -> _Heard:
        known = self._instances.get(instance)
        if known is None:
            if now <= self._introduced_until and now - age <= self._began:
                known = _Heard(number, now, age, now)
            else:  # everything is lacking that it has sent since both have been there
                known = _Heard(0, max(self._began, now - age), -1, now)
            self._instances[instance] = known
        return known

    def _is_heard(self, known: _Heard, number: int, age: float, now: float) -> None:
        known.number = max(known.number, number)
        if age > known.age:
            # What was delayed says nothing about what was sent after it; its age tells when it was sent.
            sent_at = known.at + (age - known.age) * (1 + DRIFT)
            known.at, known.age, known.heard_at = min(now, sent_at), age, now
            known.silent = known.gone = False
