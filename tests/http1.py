"""HTTP/1.1 messages as bytes, for tests that look at what goes over a connection or interfere with it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs, urlsplit

SEPARATOR = "\x1e"
"""Between the packets of one polling payload."""


@dataclass(frozen=True)
class Message:
    """A request or an answer."""

    first: str
    """Its first line."""
    headers: Mapping[str, str]
    """Their names are in small letters."""
    head: bytes
    """As it came, with the first line and the empty one."""
    body: bytes
    """What it says, without chunks."""
    raw_body: bytes
    """As it came."""

    @cached_property
    def method(self) -> str:
        """A request's."""
        return self.first.split(" ")[0]

    @cached_property
    def target(self) -> str:
        """A request's."""
        return self.first.split(" ")[1]

    @cached_property
    def query(self) -> Mapping[str, str]:
        """A request's; of each name the first value."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @cached_property
    def status(self) -> int:
        """An answer's."""
        return int(self.first.split(" ")[1])

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def packets(self) -> list[str]:
        """Of a polling payload."""
        return self.text.split(SEPARATOR)


async def read_message(reader: asyncio.StreamReader, *, is_answer: bool, to: str = "") -> Message:
    """The next one; raises `IncompleteReadError` when the connection ends before or within it.

    `to`: an answer's request's method, for to HEAD there is no body.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = raw_body = b""
    bodiless = is_answer and (to == "HEAD" or first.split(" ")[1] in ("101", "204", "304"))
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, raw_body = await _read_chunks(reader)
    elif "content-length" in headers and not bodiless:
        body = raw_body = await reader.readexactly(int(headers["content-length"]))
    elif is_answer and not bodiless:
        body = raw_body = await reader.read()
    return Message(first, headers, head, body, raw_body)


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    body = raw = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        chunk = await reader.readexactly(size + 2)
        body, raw = body + chunk[:-2], raw + line + chunk
        if not size:
            return body, raw


def reset_on_close(tcp: socket.socket) -> None:
    """Let this connection end with an RST: whoever is there sees that it broke, not an end in order."""
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
