"""Sessions, as operators see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from .. import wire
from ..wire import Payload
from .session import Session


def described(sessions: Iterable[Session], *, now: datetime) -> list[Payload]:
    """What is known of these, as JSON."""
    clock = asyncio.get_running_loop().time()
    return [_described(session, now, clock) for session in sessions if not session.transport.closed]


def _described(session: Session, now: datetime, clock: float) -> Payload:
    transport = session.transport
    heard_at = now - timedelta(seconds=clock - transport.heard_at)
    told: Payload = {
        "id": session.sid,
        "namespace": session.dialect.namespace,
        "transport": transport.name,
        "address": transport.address,
        "since": wire.iso(session.opened_at),
        "lastHeard": wire.iso(max(session.opened_at, heard_at)),
        "catchUp": session.catch_up,
        "replaying": session.held is not None,
    }
    return {**told, "userAgent": transport.user_agent} if transport.user_agent else told
