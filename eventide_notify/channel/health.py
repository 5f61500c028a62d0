"""What this instance hears of the others, and what it lacks.

Every instance numbers its envelopes, and says in each heartbeat which was the last. So a receiver knows exactly when
it lacks some, and since when: since the moment at which it had everything of that instance. While an instance is silent
nobody knows what it has sent, so as long as that lasts something may be lacking.

An instance that does not hear itself is *deaf*: Redis is away, and so is everything that comes through it.

The state is latched: it changes when something is heard, or is found to be missing at `check`, and `made_good` ends
what was lacking once that has been read from the store. No I/O; times are passed in, in seconds on any one clock.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

logger = logging.getLogger(__name__)

SILENCE = 3.0
"""Seconds without a heartbeat after which an instance is silent."""
PROMPT = 1.0
"""Seconds in which the first subscription of an instance is there, if all is well."""
FORGET = 60.0
"""Seconds after which a silent instance counts as gone for good; until then what it may have sent is read."""


@dataclass(slots=True)
class _Heard:
    """What was heard of an instance."""

    number: int
    """Of its last envelope that was received, or is known to be lacking."""
    at: float
    """When something was last heard of it, and then everything."""
    silent: bool = False


class ChannelHealth:
    """The one place that knows whether the channel is whole."""

    def __init__(self, own: str, *, now: float) -> None:
        self._own = own
        self._instances: dict[str, _Heard] = {}
        self._own_at = now
        self._subscribed = False
        self._missed_some = False
        self._whole_before = now
        self._lacking: tuple[float, float, str] | None = None
        self.deaf = False
        """Whether this instance does not hear itself."""
        self.gaps = 0
        """How often it was found that something did not come."""

    # What is heard

    def began(self, *, now: float) -> None:
        """The instance has started."""
        self._own_at = self._whole_before = now

    def subscribed(self, *, now: float) -> None:
        """From now on something is heard; what was said before that is known to be lacking by the numbers."""
        self._missed_some = self._subscribed or now - self._own_at > PROMPT
        self._subscribed = True
        self._whole_before = self._own_at

    def heard(self, instance: str, last: int, *, now: float) -> None:
        """A heartbeat: the instance has published `last` envelopes."""
        if instance == self._own:
            self._own_at = now
            if self.deaf:
                self.deaf = False
                logger.warning("this instance hears itself through Redis again")
            return
        known = self._known(instance, last, now)
        if last > known.number:
            self.gaps += 1
            self._lacks(known.at, now, f"{last - known.number} envelope(s) of instance {instance[:8]} did not come")
        self._is_heard(instance, known, max(last, known.number), now)

    def received(self, instance: str, first: int, count: int, *, late: bool, now: float) -> int:
        """So many envelopes have come, the first with this number. How many of them have come before.

        `late`: their publisher could not publish them at once, and others may have published newer ones meanwhile; what
        is stored of them counts as lacking.
        """
        known = self._known(instance, first - 1, now)
        copies = min(max(known.number - first + 1, 0), count)
        if first > known.number + 1:
            missing = first - known.number - 1
            self.gaps += 1
            self._lacks(known.at, now, f"{missing} envelope(s) of instance {instance[:8]} did not come")
        elif late and copies < count:
            self.gaps += 1
            self._lacks(known.at, now, f"envelopes of instance {instance[:8]} came late")
        self._is_heard(instance, known, max(first + count - 1, known.number), now)
        return copies

    def left(self, instance: str, last: int, *, now: float) -> None:
        """The instance has said that it is going, after so many envelopes."""
        if instance != self._own:
            self.heard(instance, last, now=now)
            del self._instances[instance]

    def check(self, *, now: float) -> None:
        """Find out what is silent."""
        if not self.deaf and now - self._own_at > SILENCE:
            self.deaf = True
            logger.warning("this instance does not hear itself through Redis")
        if self.deaf:
            self._lacks(
                self._own_at, now, f"this instance has not heard itself through Redis for {now - self._own_at:.0f} s"
            )
        for instance, heard in list(self._instances.items()):
            if now - heard.at > FORGET:
                del self._instances[instance]
            elif now - heard.at > SILENCE:
                heard.silent = True
                silence = f"instance {instance[:8]} has not been heard for {now - heard.at:.0f} s"
                self._lacks(heard.at, now, silence)

    # What is lacking

    @property
    def lacking_since(self) -> float | None:
        """From when on something may be lacking; None: nothing is."""
        return None if self._lacking is None else self._lacking[0]

    @property
    def problems(self) -> list[str]:
        """Why something may be lacking, in words; empty: the channel is whole."""
        return [] if self._lacking is None else [self._lacking[2]]

    def made_good(self, *, read_at: float) -> bool:
        """What was lacking at this time has been read from the store. Whether nothing is lacking any more."""
        if self._lacking is None:
            return True
        _, noticed_at, reason = self._lacking
        if self.deaf or noticed_at > read_at or any(heard.silent for heard in self._instances.values()):
            self._lacking = read_at, noticed_at, reason
            return False
        self._lacking = None
        logger.info("what did not come through Redis has been read from the store")
        return True

    def _lacks(self, since: float, now: float, reason: str) -> None:
        if self._lacking is None:
            logger.warning("%s: reading from the store", reason)
            self._lacking = since, now, reason
        else:
            self._lacking = min(since, self._lacking[0]), now, reason

    def _known(self, instance: str, number: int, now: float) -> _Heard:
        known = self._instances.get(instance)
        if known is None:
            known = self._instances[instance] = _Heard(number, now)
            if number and self._missed_some:
                # It began while nothing was heard here, and has sent something since.
                self._lacks(self._whole_before, now, f"instance {instance[:8]} was not heard from its beginning")
        return known

    def _is_heard(self, instance: str, known: _Heard, number: int, now: float) -> None:
        known.number, known.at, known.silent = number, now, False
