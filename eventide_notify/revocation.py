"""Revocations: tokens that are no longer accepted, although they have not expired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .models import NotificationId, Principal, UserId

RevocationId = NotificationId
"""A UUIDv7, as those of notifications."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Either all tokens of a user that were issued before some time, or the tokens with one `jti`. Times are UTC with
    milliseconds.

    With a user and no time it is a disconnect: it revokes no token, but the user's transports are closed once.
    """

    id: RevocationId
    created_at: datetime
    expires_at: datetime
    """Until when it is kept at least: by then these tokens have expired."""
    user_id: UserId | None = None
    issued_before: datetime | None = None
    token_id: str | None = None

    @property
    def is_disconnect(self) -> bool:
        return self.user_id is not None and self.issued_before is None

    def refuses(self, principal: Principal) -> bool:
        """Whether the token is not accepted. One that does not say when it was issued may be of any time."""
        if self.token_id is not None:
            return principal.token_id == self.token_id
        if self.issued_before is None or principal.user_id != self.user_id:
            return False
        return principal.issued_at is None or principal.issued_at < self.issued_before

    def ends(self, principal: Principal) -> bool:
        """Whether a transport that was opened with the token is closed."""
        return self.refuses(principal) or (self.is_disconnect and principal.user_id == self.user_id)
