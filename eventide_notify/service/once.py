"""Saving once: idempotency keys, and saves of which the database did not say whether they happened."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from ..errors import Conflict, FieldError, InvalidRequest, OutcomeUnknown, Unavailable
from ..models import NotificationId, UserId, is_storable
from ..store.base import CLAIM_LIFETIME, Claim

IDEMPOTENCY_WINDOW = CLAIM_LIFETIME
"""How long a request with an idempotency key is answered again instead of being carried out again."""
KEY_MAX = 255
SETTLE_SECONDS = 10.0
"""How long a save is repeated whose outcome is not known."""
_PAUSE = 0.25

_LATER = "later "
"""How the fingerprint of a claim begins that stands for something to be done at another time."""

Items = Sequence[tuple[NotificationId, UserId]]
Save = Callable[[Claim | None], Awaitable[Claim | None]]
"""Saves, with the claim it is given, and returns an earlier one: `Store.add` is such a call."""


@dataclass(frozen=True, slots=True)
class Once:
    """Who asks for what, and the key under which it is done once; None: there is none. Callers do not share keys."""

    key: str | None
    caller: str
    body: Callable[[], Any]
    """What identifies the request, as JSON."""
    lifetime: timedelta = IDEMPOTENCY_WINDOW
    """How long a claim on the key holds."""

    @property
    def claimed(self) -> str | None:
        """The key of the claim, if there is one. Raises `InvalidRequest` for what is no key or no caller."""
        if self.key is None:
            return None
        check_key(self.key)
        if not is_storable(self.caller):
            raise InvalidRequest(errors=[FieldError("caller", "must not contain NUL, or half of a surrogate pair")])
        # The key has no line feed in it, so what is before the last one is the caller, whatever is in that.
        return f"{self.caller}\n{self.key}"

    def claim(self, items: Items, now: datetime, *, later: bool = False) -> Claim | None:
        """The claim on the key for what is made of the request, if there is a key: now, or `later`."""
        key = self.claimed
        if key is None:
            return None
        fingerprint = hashlib.sha256(orjson.dumps(self.body(), option=orjson.OPT_SORT_KEYS)).hexdigest()
        return Claim(key, _LATER * later + fingerprint, items, now, lifetime=self.lifetime)


def check_key(key: str) -> None:
    """Raises `InvalidRequest` for what is no key."""
    if not (1 <= len(key) <= KEY_MAX and key.isascii() and key.isprintable()):
        message = f"must have 1 to {KEY_MAX} printable ASCII characters"
        raise InvalidRequest(f"Idempotency-Key {message}", [FieldError("Idempotency-Key", message)])


async def save_once(save: Save, claim: Claim | None) -> Claim | None:
    """Save; returns None, or the earlier claim on the same key that holds instead: `later` or not.

    Raises `Conflict` when that was for another request, and `OutcomeUnknown` when the database does not say whether
    it has saved this, and did not either when it was asked to do the same again.
    """
    held = await _settle(save, claim)
    if held is None or claim is None:
        return None
    if held.fingerprint.removeprefix(_LATER) != claim.fingerprint.removeprefix(_LATER):
        raise Conflict
    # Our own, when it was saved although the database had not said so.
    return None if list(held.items) == list(claim.items) else held


async def _settle(save: Save, claim: Claim | None) -> Claim | None:
    try:
        return await save(claim)
    except OutcomeUnknown as error:
        unknown = error
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        await asyncio.sleep(_PAUSE)
        try:
            return await save(claim)  # what is there already is left as it is
        except (OutcomeUnknown, Unavailable):
            pass
    raise unknown
