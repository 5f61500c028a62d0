"""What is published: an envelope has its content once, however many users it is for.

    {"kind": "notification", "stored": true,  "late": bool, "content": {…}, "to": [[id, user], …]}
    {"kind": "announcement", "stored": bool,  "payload": {…}}
    {"kind": "retraction",   "stored": false, "id": …}
    {"kind": "gone",         "stored": false, "reason": …, "gone": [[user, [id, …], id of what is there instead], …]}
    {"kind": "event",        "stored": false, "event": …, "payload": …, "users": […] or null}

and the calls between instances, see `calls`:

    {"kind": "order",        "stored": false, "name": …, "arguments": {…}}
    {"kind": "question",     "stored": false, "name": …, "arguments": {…}, "number": …, "from": instance}
    {"kind": "answer",       "stored": false, "number": …, "to": instance, "instance": …, "answer": …}

With `"trace"`, a W3C `traceparent`, if it belongs to a trace.

What is stored and did not come is found in the store; what is not stored is shown however late it comes. What was
*late* already when it was saved is older than what the store is read for, and so it is shown as well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from .. import wire
from ..models import Announcement, Notification, NotificationId, UserId
from ..realtime.hub import Hub
from ..service.fanout import Gone
from .calls import CALLS, Calls

logger = logging.getLogger(__name__)

Envelope = dict[str, Any]


def notification(items: Sequence[Notification], *, late: bool = False) -> Envelope:
    """Notifications of one send: they differ in `id` and `userId` only. `late`: see `Fanout.deliver`."""
    content = wire.live(items[0])
    del content["id"], content["userId"]
    to = [(item.id, item.user_id) for item in items]
    return {"kind": "notification", "stored": True, "late": late, "content": content, "to": to}


def announcement(item: Announcement) -> Envelope:
    """An announcement."""
    return {"kind": "announcement", "stored": item.stored, "payload": wire.announcement(item)}


def is_found_in_store(envelope: Envelope) -> bool:
    """Whether it need not be opened when what is new is read from the store."""
    return envelope["stored"] and not envelope.get("late", False)


def retraction(id: NotificationId) -> Envelope:
    """The end of an announcement."""
    return {"kind": "retraction", "stored": False, "id": id}


def gone(reason: wire.Reason, gone: Sequence[Gone]) -> Envelope:
    """What these users do not have any more."""
    return {"kind": "gone", "stored": False, "reason": reason, "gone": [tuple(each) for each in gone]}


def event(name: str, payload: Any, users: Sequence[UserId] | None) -> Envelope:
    """An event for these users; None: for all."""
    return {"kind": "event", "stored": False, "event": name, "payload": payload, "users": users}


async def open_envelope(envelope: Envelope, hub: Hub, calls: Calls, *, own: bool = False) -> None:
    """Give what is in it to this instance's sessions, or answer the call. `own`: it is this instance's."""
    if hub.tracing is not None and "trace" in envelope:
        with hub.tracing.showing(envelope, hub.connected):
            await _open(envelope, hub, calls, own=own)
    else:
        await _open(envelope, hub, calls, own=own)


async def _open(envelope: Envelope, hub: Hub, calls: Calls, *, own: bool) -> None:
    kind = envelope["kind"]
    if kind == "notification":
        await hub.show(envelope["content"], envelope["to"], late=envelope.get("late", False))
    elif kind == "announcement":
        await hub.announce(envelope["payload"], stored=envelope["stored"], patient=own)
    elif kind == "retraction":
        await hub.retract(envelope["id"])
    elif kind == "gone":
        await hub.take_away(envelope["reason"], [Gone(*each) for each in envelope["gone"]])
    elif kind in CALLS:
        await calls.opened(envelope)
    elif kind == "event":
        await hub.emit(envelope["event"], envelope["payload"], envelope["users"])
    else:
        logger.debug("an envelope of a later version: %r", kind)
