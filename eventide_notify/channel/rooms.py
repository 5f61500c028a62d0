"""python-socketio's managers, without rooms for users: the hub knows the connected users.

Other python-socketio code may emit to the room `user:42`, to a session's id, or to everybody in a namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import socketio

from ..realtime.hub import Hub
from ..wire import room

_USER_ROOM = room("")


class HubManager(socketio.AsyncManager):
    """A manager whose rooms `user:…` are the hub's; a cooperative base class of those that publish."""

    hub: Hub

    def __init__(self) -> None:
        super().__init__()
        self._entered: dict[tuple[str, str], set[str]] = {}

    async def connect(self, eio_sid: str, namespace: str) -> str | None:
        """Give a client an id in this namespace; None if it has one. There is no room for each session."""
        if self.sid_from_eio_sid(eio_sid, namespace) is not None:
            return None
        sid: str = self.server.eio.generate_id()
        self.basic_enter_room(sid, namespace, None, eio_sid=eio_sid)
        return sid

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """The sessions in a room, with the ids of their transports."""
        if isinstance(room, str) and room.startswith(_USER_ROOM):
            for session in self.hub.of_user(room.removeprefix(_USER_ROOM)):
                if session.dialect.namespace == namespace:
                    yield session.sid, session.transport.sid
        elif isinstance(room, str) and (eio_sid := self.eio_sid_from_sid(room, namespace)) is not None:
            yield room, eio_sid
        else:
            yield from super().get_participants(namespace, room)

    # A manager looks for a session that leaves in every room there is. So each session's rooms are written down; most
    # are in none but the one that all are in.

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if room is not None:
            self._entered.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        if room is not None and (rooms := self._entered.get((namespace, sid))) is not None:
            rooms.discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        for entered in self._entered.pop((namespace, sid), ()):
            super().basic_leave_room(sid, namespace, entered)
        super().basic_leave_room(sid, namespace, None)
        self.callbacks.pop(sid, None)
        leaving = self.pending_disconnect.get(namespace, [])
        if sid in leaving:
            leaving.remove(sid)
        if not leaving:
            self.pending_disconnect.pop(namespace, None)
