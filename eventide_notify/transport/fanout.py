"""From one notification to the frames of this instance's sockets.

The service's `Fanout` is `SocketFanout`: it puts notifications into an *envelope*, one internal event for many of
them, and gives it to python-socketio's manager. With several instances the manager passes it to all of them; each
opens it in `LocalFanout.emit` and writes to those of its own sockets that are meant, under the names of each dialect.
A notification is encoded once, however many sockets and names it goes to.

`LocalFanout` is a cooperative subclass: a manager that publishes (Redis and the others that python-socketio has) in
front of it, `class RedisFanout(AsyncRedisManager, LocalFanout)`, reaches it by `super().emit`.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
import socketio
from engineio import packet as engine

from .. import wire
from ..errors import Unavailable
from ..metrics import Metrics
from ..models import Announcement, Notification, NotificationId, Receipt, Status, UserId, id_at
from ..wire import Dialect, Payload
from .connections import Connection, RecentIds
from .engine import SocketServer

logger = logging.getLogger(__name__)

SKEW = timedelta(seconds=2)
"""How far the clocks of instances may differ."""
ReadCounts = Callable[[Collection[UserId]], Awaitable[Mapping[UserId, int]]]

ENVELOPE = "eventide:envelope"
"""The internal event. Clients cannot send it: it never comes in by a namespace."""
ENVELOPE_SIZE = 200
"""Most notifications in one envelope."""


class LocalFanout(socketio.AsyncManager):
    """python-socketio's manager of rooms, which also opens envelopes."""

    server: SocketServer

    dialects: Sequence[Dialect]
    _metrics: Metrics
    _count_changed: Callable[[UserId], None]
    _read_counts: ReadCounts

    def __init__(self) -> None:
        super().__init__()
        self.connections: dict[str, Connection] = {}
        self.reading_store = False
        """Whether notifications are read from the store meanwhile, in their order, and what comes by the channel, a
        part of them only, is passed over."""
        self._opened = RecentIds()
        self._entered: dict[tuple[str, str], set[str | None]] = {}

    def prepare(
        self,
        dialects: Sequence[Dialect],
        *,
        metrics: Metrics,
        count_changed: Callable[[UserId], None],
        read_counts: ReadCounts,
    ) -> None:
        """Once, before anything else. (The constructors of python-socketio's managers pass nothing on.)"""
        self.dialects = dialects
        self._metrics = metrics
        self._count_changed = count_changed
        self._read_counts = read_counts

    # A manager looks for a socket that leaves in every room there is: with 10,000 users that takes 10,000 times as long
    # as it need, while everybody waits. So each socket's rooms are written down.

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        self._entered.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        self._entered.get((namespace, sid), set()).discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        for room in self._entered.pop((namespace, sid), ()):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        leaving = self.pending_disconnect.get(namespace, [])
        if sid in leaving:
            leaving.remove(sid)
        if not leaving:
            self.pending_disconnect.pop(namespace, None)

    def may_reach(self, user: UserId) -> bool:
        """Whether any socket of the user can be reached by this manager."""
        room = wire.room(user)
        return any(room in self.rooms.get(dialect.namespace, ()) for dialect in self.dialects)

    async def emit(self, event: str, data: Any, namespace: str, *args: Any, **kwargs: Any) -> None:
        if event != ENVELOPE:
            await super().emit(event, data, namespace, *args, **kwargs)
            return
        envelope = data[0] if isinstance(data, list | tuple) else data
        if not self._opened.add(envelope["id"]):
            return  # published twice, because the first time seemed to have failed
        if "notifications" in envelope:
            passed_over = self._passes_over()
            for payload in envelope["notifications"]:
                if not passed_over:
                    await self._deliver(payload, self.of_user(payload["userId"]))
                self._count_changed(payload["userId"])
        elif "announcement" in envelope:
            if not (envelope["stored"] and self._passes_over()):
                await self._deliver(envelope["announcement"], list(self.connections.values()))
            self.counts_changed()
        elif "retracted" in envelope:
            self.server.start_background_task(self._retract, envelope["retracted"])
        else:
            await self._signal(envelope["event"], envelope["payload"], envelope["users"])

    def _passes_over(self) -> bool:
        """Whether what comes by the channel is not shown, because it will be read from the store."""
        return self.reading_store

    async def show_missed(self, items: Iterable[Notification]) -> None:
        """Show what may not have come through the channel to those of this instance's sockets that lack it."""
        for item in items:
            for connection in list(self.of_user(item.user_id)):
                await self._make_good(connection, item.id, item.status is Status.PENDING, wire.live(item))

    async def show_missed_announcements(self, items: Iterable[Announcement]) -> None:
        """Likewise for announcements."""
        for item in items:
            for connection in list(self.connections.values()):
                await self._make_good(connection, item.id, False, wire.announcement(item))

    async def _make_good(self, connection: Connection, id: NotificationId, pending: bool, payload: Payload) -> None:
        if id in connection.sent or id < id_at(connection.opened_at - SKEW):
            return  # it has it, or its replay was the time for it
        if id < id_at(connection.opened_at) and not pending:
            return  # another device has it, which had it before this connection was there
        # What is about as old as the connection may have come over the one before.
        may_be_copy = id < id_at(connection.opened_at + SKEW)
        if id < connection.newest and pending and connection.held is None:
            # Shown now it would come after newer ones. On a new connection it comes in its place.
            await self.hang_up(connection.eio_sid)
            return
        await self._deliver({**payload, "replayed": True} if may_be_copy else payload, [connection])

    async def hang_up(self, eio_sid: str) -> None:
        """Close this transport, so that a stock client comes back by itself."""
        if (socket := self.server.connection(eio_sid)) is not None:
            await socket.hang_up()

    def counts_changed(self) -> None:
        """Any of the counts of this instance's users may have changed."""
        for connection in self.connections.values():
            self._count_changed(connection.user)

    async def _deliver(self, payload: Payload, connections: Iterable[Connection]) -> None:
        frames = _Frames(payload)
        for connection in connections:
            if connection.held is not None:
                connection.held.append(payload)
            else:
                await self.show(connection, payload, frames)

    async def _retract(self, id: NotificationId) -> None:
        try:
            counts = await self._read_counts({connection.user for connection in self.connections.values()})
        except Unavailable:
            counts = {}  # told by `counts_changed` once the store is back
        for user, count in counts.items():
            await self._signal(wire.NOTIFICATION_DELETED, wire.read([id], count), [user])
        self.counts_changed()

    async def _signal(self, event: str, payload: Any, users: Sequence[UserId] | None) -> None:
        frames = _Frames(payload)
        meant = self.connections.values() if users is None else (c for user in users for c in self.of_user(user))
        for connection in list(meant):
            await self._write(connection, frames.of(connection.dialect.namespace, (event,)))
        if event in (wire.NOTIFICATION_READ, wire.NOTIFICATION_DELETED):
            for user in users or ():
                self._count_changed(user)

    async def show(self, connection: Connection, payload: Payload, frames: _Frames | None = None) -> None:
        """Write a notification or an announcement to one socket, unless it was written there before."""
        if not connection.sent.add(payload["id"]):
            return
        connection.newest = max(connection.newest, payload["id"])
        dialect = connection.dialect
        names = dialect.broadcast_events if _is_broadcast(payload) else dialect.live_events
        await self._write(connection, (frames or _Frames(payload)).of(dialect.namespace, names))
        self._sent(connection, [payload])

    async def show_batch(self, connection: Connection, payloads: Sequence[Payload]) -> None:
        """Write notifications to one socket as one array."""
        await self.tell(connection, wire.PENDING_NOTIFICATIONS, payloads)
        for payload in payloads:
            connection.sent.add(payload["id"])
            connection.newest = max(connection.newest, payload["id"])
        self._sent(connection, payloads)

    async def tell(self, connection: Connection, event: str, payload: Any) -> None:
        """Write an event to one socket."""
        await self._write(connection, _Frames(payload).of(connection.dialect.namespace, (event,)))

    async def tell_counts(self, counts: Mapping[UserId, int]) -> None:
        """Write their unread counts to this instance's sockets of these users."""
        for user, count in counts.items():
            await self._signal(wire.UNREAD_COUNT, wire.unread_count(count), [user])

    def of_user(self, user: UserId) -> Iterator[Connection]:
        """This instance's sockets of the user."""
        room = wire.room(user)
        for dialect in self.dialects:
            for sid, _ in self.get_participants(dialect.namespace, room):
                if (connection := self.connections.get(sid)) is not None:
                    yield connection

    def _sent(self, connection: Connection, payloads: Sequence[Payload]) -> None:
        way = "replay" if payloads[0].get("replayed") else "live"
        self._metrics.sent.labels(way).inc(len(payloads))
        if (socket := self.server.connection(connection.eio_sid)) is not None:
            socket.sent(Receipt(connection.user, payload["id"], _is_broadcast(payload)) for payload in payloads)

    async def _write(self, connection: Connection, frames: Iterable[engine.Packet]) -> None:
        for frame in frames:
            await self.server.eio.send_packet(connection.eio_sid, frame)


def _is_broadcast(payload: Payload) -> bool:
    return "userId" not in payload


class _Frames:
    """A payload as frames, encoded once for all sockets that get it."""

    def __init__(self, payload: Any) -> None:
        self._payload = payload
        self._json: str | None = None
        self._frames: dict[tuple[str, str], engine.Packet] = {}

    def of(self, namespace: str, events: Iterable[str]) -> Iterator[engine.Packet]:
        for event in events:
            frame = self._frames.get((namespace, event))
            yield frame if frame is not None else self._make(namespace, event)

    def _make(self, namespace: str, event: str) -> engine.Packet:
        if self._json is None:
            self._json = orjson.dumps(self._payload).decode()
        prefix = "" if namespace == "/" else f"{namespace},"
        name = orjson.dumps(event).decode()
        frame = engine.Packet(engine.MESSAGE, f"2{prefix}[{name},{self._json}]")
        self._frames[namespace, event] = frame
        return frame


class SocketFanout:
    """The service's `Fanout` over python-socketio's manager."""

    def __init__(self, manager: LocalFanout) -> None:
        self._manager = manager

    async def deliver(self, notifications: Sequence[Notification]) -> None:
        """See `Fanout`."""
        reachable = [item for item in notifications if self._manager.may_reach(item.user_id)]
        for start in range(0, len(reachable), ENVELOPE_SIZE):
            await self._send({"notifications": [wire.live(item) for item in reachable[start : start + ENVELOPE_SIZE]]})
            await asyncio.sleep(0)  # others have something to do too

    async def announce(self, announcement: Announcement) -> None:
        """See `Fanout`."""
        stored = announcement.expires_at is not None
        await self._send({"announcement": wire.announcement(announcement), "stored": stored})

    async def retract(self, id: NotificationId) -> None:
        """See `Fanout`."""
        await self._send({"retracted": id})

    async def emit(self, event: str, payload: Any, users: Sequence[UserId] | None) -> None:
        """See `Fanout`."""
        await self._send({"event": event, "payload": payload, "users": None if users is None else list(users)})

    async def _send(self, envelope: Payload) -> None:
        try:
            envelope["id"] = uuid.uuid4().hex
            await self._manager.emit(ENVELOPE, envelope, self._manager.dialects[0].namespace)
        except Exception:
            logger.exception("a fan-out failed; what it carried is in the store")
