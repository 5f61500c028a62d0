"""Socket.IO events as frames: a payload is encoded once, and framed once for each namespace, however many get it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from .. import wire
from ..models import NotificationId
from ..wire import Dialect, Payload
from .engine.packets import MESSAGE, Frame

_EVENT = MESSAGE + "2"


class Content:
    """A payload on its way to sockets, as JSON."""

    __slots__ = ("_frames", "json")

    def __init__(self, json: str) -> None:
        self.json = json
        self._frames: dict[tuple[str, str], Frame] = {}

    @classmethod
    def of(cls, payload: Any) -> Content:
        """Encode it."""
        return cls(orjson.dumps(payload).decode())

    def frame(self, namespace: str, event: str) -> Frame:
        """An event of this name that carries it."""
        frame = self._frames.get((namespace, event))
        if frame is None:
            frame = self._frames[namespace, event] = event_frame(namespace, (event,), self.json)
        return frame


class Shown:
    """A notification or an announcement on its way to sockets."""

    __slots__ = ("_frames", "broadcast", "content", "how", "id", "late", "stored", "until")

    def __init__(
        self,
        id: NotificationId,
        content: Content,
        *,
        broadcast: bool = False,
        stored: bool = True,
        late: bool = False,
        how: str = "live",
        until: float | None = None,
    ) -> None:
        self.id = id
        self.content = content
        self.broadcast = broadcast
        """Whether it is an announcement, which has other names."""
        self.stored = stored
        """Whether it has a status, so that its receipt counts."""
        self.late = late
        """Whether newer ones may have been shown before it, although no client has received it."""
        self.how = how
        """Why it is sent now, in a word, for `service.journal`."""
        self.until = until
        """When it expires, in seconds since 1970; None: never."""
        self._frames: dict[Dialect, Frame] = {}

    @classmethod
    def of(cls, payload: Payload, *, stored: bool = True, late: bool = False, how: str = "live") -> Shown:
        """What this payload describes; one without a `userId` is an announcement."""
        content, broadcast = Content.of(payload), "userId" not in payload
        until = wire.expires_at(payload)
        return cls(payload["id"], content, broadcast=broadcast, stored=stored, late=late, how=how, until=until)

    def frame(self, dialect: Dialect) -> Frame:
        """Its events, by the names that they have in this dialect."""
        frame = self._frames.get(dialect)
        if frame is None:
            events = dialect.broadcast_events if self.broadcast else dialect.live_events
            frame = self._frames[dialect] = event_frame(dialect.namespace, events, self.content.json)
        return frame


def event_frame(namespace: str, events: Iterable[str], json: str) -> Frame:
    """Events of these names that carry this JSON, together."""
    return Frame(*[f"{_head(namespace, event)}{json}]" for event in events])


def _head(namespace: str, event: str) -> str:
    head = _HEADS.get((namespace, event))
    if head is None:
        prefix = "" if namespace == "/" else f"{namespace},"
        head = f"{_EVENT}{prefix}[{orjson.dumps(event).decode()},"
        if len(_HEADS) < HEADS_MAX:
            _HEADS[namespace, event] = head
    return head


HEADS_MAX = 200
_HEADS: dict[tuple[str, str], str] = {}
