"""The end of the tokens of open sessions: a warning first, then the transport is closed. If one is revoked, there is no
warning.

A closed transport is a lost network to a stock client: it comes back by itself, with the token that its `auth` then
gives. (A Socket.IO *disconnect* would keep it away for good.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from ..revocation import Revocation
from .hub import Hub
from .session import Session

WARNING = timedelta(seconds=60)
"""How long before its token expires a client is told."""
LONGEST_TIMER = 86_400.0
"""Seconds. A later end is looked at again then; event loops do not take any number."""

Act = Callable[[Session], None]


def end_revoked(hub: Hub, revocation: Revocation) -> int:
    """Close this instance's transports that the revocation is about; how many."""
    user = revocation.user_id
    sessions = list(hub.sessions.values()) if user is None else hub.of_user(user)
    transports = {session.transport for session in sessions if revocation.ends(session.principal)}
    for transport in transports:
        transport.close()
    return len(transports)


class ExpiryWatch:
    """One timer per session: the warning, then the end."""

    def __init__(self, *, clock: Callable[[], datetime], leeway: float, warn: Act, end: Act) -> None:
        self._clock = clock
        self._leeway = timedelta(seconds=leeway)
        self._warn = warn
        self._end = end

    def start(self, session: Session) -> None:
        """Watch the session's token; also after it got a new one."""
        self.stop(session)
        self._arm(session, session.principal.expires_at - WARNING, self._warn_now)

    def stop(self, session: Session) -> None:
        """The session is gone."""
        if session.expiry is not None:
            session.expiry.cancel()
            session.expiry = None

    def _arm(self, session: Session, due: datetime, action: Callable[[Session], None]) -> None:
        seconds = max(0.0, (due - self._clock()).total_seconds())
        loop = asyncio.get_running_loop()
        if seconds > LONGEST_TIMER:
            session.expiry = loop.call_later(LONGEST_TIMER, self._arm, session, due, action)
        else:
            session.expiry = loop.call_later(seconds, action, session)

    def _warn_now(self, session: Session) -> None:
        self._warn(session)
        # A client that comes back with the same token is let in for as long as the leeway lasts, and must not be sent
        # away at once again and again.
        end = session.principal.expires_at
        self._arm(session, end if self._clock() < end else end + self._leeway, self._end_now)

    def _end_now(self, session: Session) -> None:
        session.expiry = None
        self._end(session)
