"""HTTP/1.1 on asyncio, as little as is needed: one request per connection, which may lead through a `Link`."""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .proxy import LOOPBACK

FAULTS = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)
"""What a request that failed raises; `TimeoutError`, from the caller's time limit, is an `OSError` too."""


SEPARATORS = {"set-cookie": "\n"}
"""Between the values of a header that is there several times, where it is not a comma."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """Why it was refused, in one line."""
        try:
            return " ".join(str(self.json()["detail"]).split())
        except (ValueError, KeyError, TypeError):
            return " ".join(self.body.decode(errors="replace").split())[:200] or "no reason given"


async def exchange(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, body: str | None = None, port: int | None = None
) -> Answer:
    """Send a request, through the `Link` on this port if one is given; raises one of `FAULTS`. Has no time limit."""
    parts = urlsplit(url)
    host, own_port = endpoint(parts)
    data = b"" if body is None else body.encode()
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = {"Host": parts.netloc.rpartition("@")[2], "Connection": "close", **(headers or {})}
    if body is not None:
        lines["Content-Length"] = str(len(data))
    head = "".join([f"{method} {target} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in lines.items())])
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        host if port is None else LOOPBACK,
        own_port if port is None else port,
        ssl=tls() if secure else None,
        server_hostname=host if secure else None,
    )
    try:
        writer.write(f"{head}\r\n".encode() + data)
        await writer.drain()
        return await read_answer(reader)
    finally:
        writer.transport.abort()


def endpoint(parts: SplitResult) -> tuple[str, int]:
    """The host and port that an address leads to."""
    return parts.hostname or "", parts.port or (443 if parts.scheme in ("https", "wss") else 80)


@functools.cache
def tls() -> ssl.SSLContext:
    """Made once, for reading the system's certificates takes some 10 ms."""
    return ssl.create_default_context()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The answer to a request of ours; raises one of `FAULTS`."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers: dict[str, str] = {}
    for title, _, value in (line.partition(":") for line in lines):
        name = title.lower()
        before = f"{headers[name]}{SEPARATORS.get(name, ', ')}" if name in headers else ""
        headers[name] = before + value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Answer(int(first.split(" ")[1]), headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return body
