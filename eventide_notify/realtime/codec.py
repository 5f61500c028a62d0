"""The Socket.IO packets of this service: JSON by orjson, and nothing a client sends can make decoding raise.

python-socketio decodes a packet, and then calls the namespace. Whatever raises in between is logged with a traceback
for each packet and leaves the client without an answer. So a packet that cannot be used is decoded all the same, into
an event that carries its fault; the namespace answers it like any other event that went wrong.
"""

from __future__ import annotations

from typing import Any

import orjson
from socketio import packet

from ..errors import EventideError, MalformedRequest, PayloadTooLarge

EVENT_MAX = 100_000
"""Most characters of one event. The largest sensible one, 1,000 ids, has 40,000."""


class ClientEvent(str):
    """The name of an event that a client sent.

    python-socketio announces its own `connect` and `disconnect` with plain strings; a client that names its event
    `connect` comes in with one of these, and so cannot be mistaken for it.
    """

    wants_ack: bool
    fault: EventideError | None

    @classmethod
    def of(cls, name: str, *, wants_ack: bool, fault: EventideError | None = None) -> ClientEvent:
        event = cls(name)
        event.wants_ack = wants_ack
        event.fault = fault
        return event


class Json:
    """orjson with the signature that python-socketio calls."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        return orjson.loads(text)


class Codec(packet.Packet):
    """A Socket.IO packet. Of the packets from clients, every event's name is a `ClientEvent`."""

    packet_type: int
    data: Any
    id: int | None

    json = Json
    uses_binary_events = False

    def __init__(self, packet_type: int = packet.EVENT, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if packet_type == packet.CONNECT_ERROR and isinstance(data, str):
            # python-socketio passes a bare text, and this one only; stock clients look for it here, and know Node's.
            data = {"message": "Invalid namespace"}
        super().__init__(packet_type, data, *args, **kwargs)
        if self.packet_type == packet.EVENT and self.data is None:
            # An Engine.IO message with nothing in it; what the server sends always has data.
            self._fail(MalformedRequest("An empty message is no Socket.IO packet."))

    def decode(self, encoded_packet: Any) -> int:
        try:
            if not isinstance(encoded_packet, str):
                raise MalformedRequest("Binary data is not understood.")
            if len(encoded_packet) > EVENT_MAX:
                super().decode(encoded_packet.partition("[")[0])  # who asks, but not what
                raise PayloadTooLarge(f"An event may have at most {EVENT_MAX} characters.")
            super().decode(encoded_packet)
            self._check()
        except EventideError as fault:
            self._fail(fault)
        except (ValueError, TypeError, IndexError, RecursionError):
            self._fail(MalformedRequest("This is no Socket.IO packet with valid JSON."))
        return 0

    def _check(self) -> None:
        if self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK):
            raise MalformedRequest("Binary data is not understood.")
        if self.packet_type not in (packet.CONNECT, packet.DISCONNECT, packet.EVENT, packet.ACK):
            raise MalformedRequest("Clients do not send packets of this type.")
        if self.packet_type == packet.ACK and not isinstance(self.data, list):
            self.data = []
        if self.packet_type == packet.EVENT:
            if not isinstance(self.data, list) or not self.data or not isinstance(self.data[0], str):
                raise MalformedRequest("An event is an array that begins with its name.")
            self.data[0] = ClientEvent.of(self.data[0], wants_ack=self.id is not None)

    def _fail(self, fault: EventideError) -> None:
        if self.packet_type == packet.CONNECT:
            self.data = None  # no credentials: the connect handler says what is missing
            return
        if self.packet_type not in (packet.EVENT, packet.BINARY_EVENT):
            self.id = None  # an event's id asks for an answer, an ack's does not
        self.packet_type = packet.EVENT
        self.data = [ClientEvent.of("", wants_ack=self.id is not None, fault=fault)]
