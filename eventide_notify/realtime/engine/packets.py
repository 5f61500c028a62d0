"""The packets of Engine.IO 4, as text, as polling payloads and as WebSocket frames."""

from __future__ import annotations

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0", "1", "2", "3", "4", "5", "6"
PROBE = "probe"
SEPARATOR = "\x1e"
"""Between two packets of one payload."""
PACKETS_MAX = 1_000
"""Most packets of one payload. A stock client puts all that it has to say into one."""

_TYPES = frozenset("0123456b")


class Malformed(ValueError):
    """What a client sent is not Engine.IO."""


def decode_payload(body: bytes) -> list[str]:
    """The packets of a polling request's body; raises `Malformed`."""
    try:
        packets = body.decode().split(SEPARATOR, PACKETS_MAX)
    except UnicodeDecodeError:
        raise Malformed("invalid UTF-8") from None
    if len(packets) > PACKETS_MAX:
        raise Malformed("too many packets")
    for packet in packets:
        check(packet)
    return packets


def check(packet: str) -> None:
    """Raise `Malformed` unless the packet has a type that there is."""
    if packet[:1] not in _TYPES:
        raise Malformed(f"no packet has the type {packet[:1]!r}")


def text_frame(text: str) -> bytes:
    """An unmasked WebSocket text frame."""
    data = text.encode()
    size = len(data)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + data
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + data
    return b"\x81\x7f" + size.to_bytes(8, "big") + data


_PING_FRAME = text_frame(PING)


class Frame:
    """Packets that leave together, encoded once for however many clients get them."""

    __slots__ = ("_asking", "_wire", "packets", "size")

    def __init__(self, *packets: str) -> None:
        self.packets = packets
        self.size = sum(map(len, packets))
        """Characters: what it counts for in a backlog."""
        self._wire: bytes | None = None
        self._asking: bytes | None = None

    def then(self, other: Frame) -> Frame:
        """Both together."""
        both = Frame(*self.packets, *other.packets)
        both._wire = self.wire + other.wire
        return both

    @property
    def wire(self) -> bytes:
        """The WebSocket frames."""
        if self._wire is None:
            self._wire = b"".join(map(text_frame, self.packets))
        return self._wire

    @property
    def asking(self) -> bytes:
        """The WebSocket frames, and a ping after them."""
        if self._asking is None:
            self._asking = self.wire + _PING_FRAME
        return self._asking


PING_PACKET = Frame(PING)
