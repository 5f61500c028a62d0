"""Between a driver and a MongoDB server: a proxy that knows where messages begin, and fails or lies as it is told."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import bson

from .http1 import reset_on_close

HOST = "127.0.0.1"
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
GREETINGS = ("hello", "ismaster", "isMaster")

Document = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """What a driver sends: the command's name and document, as the server gets it."""

    name: str
    document: Document
    number: int
    opcode: int


@dataclass(eq=False)
class Fault:
    """What happens to commands of these names, `times` times; None: until it is removed."""

    names: tuple[str, ...]
    times: int | None = 1
    forward: bool = True
    """Whether the server gets the command."""
    answer: Document | None = None
    """What the driver gets, instead of the server's answer; None: the connection breaks."""
    pause: float = 0
    """Seconds before it."""


class MongoWire:
    """One that leads to a server of this machine."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self.commands: list[Command] = []
        """All that came."""
        self.faults: list[Fault] = []
        self.fault_for: Callable[[Command], Fault | None] = self._next_fault
        """What happens to a command: by default, what `faults` say."""
        self.greeting: Callable[[Document], Document] = dict
        """Makes of the server's introduction what the driver is told."""

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._called, HOST, 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._listener
        self._listener.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._listener.wait_closed()

    def cut(self) -> int:
        """Break all connections, as a server does that restarts; how many there were."""
        clients = list(self._clients)
        for writer in clients:
            _reset(writer)
        return len(clients)

    def sent(self, name: str) -> int:
        """How many commands of this name came."""
        return sum(command.name == name for command in self.commands)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self._clients.add(writer)
        server: asyncio.StreamWriter | None = None
        try:
            answers, server = await asyncio.open_connection(HOST, self._target)
            while True:
                await self._one(reader, writer, answers, server)
        except (OSError, EOFError):
            _reset(writer)
        except asyncio.CancelledError:
            pass  # the end of the test; asyncio would report it as an error
        finally:
            writer.transport.abort()
            if server:
                server.transport.abort()
            self._clients.discard(writer)
            self._serving.discard(task)

    async def _one(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        message = await _read(reader)
        command = _parse(message)
        self.commands.append(command)
        fault = self.fault_for(command)
        answer = b""
        if fault is None or fault.forward:
            server.write(message)
            answer = await _read(answers)
        if fault is not None:
            await asyncio.sleep(fault.pause)
            if fault.answer is None and not fault.pause:
                raise ConnectionResetError
            if fault.answer is not None:
                answer = _message(command, fault.answer)
        elif command.name in GREETINGS:
            answer = _message(command, self.greeting(_document(answer)))
        writer.write(answer)
        await writer.drain()

    def _next_fault(self, command: Command) -> Fault | None:
        for fault in self.faults:
            if command.name in fault.names:
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                return fault
        return None


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[MongoWire]:
    """One that runs."""
    wire = MongoWire(port)
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(struct.unpack("<i", length)[0] - 4)


def _parse(message: bytes) -> Command:
    _, number, _, opcode = struct.unpack_from("<iiii", message)
    document = _document(message)
    return Command(next(iter(document)), document, number, opcode)


def _document(message: bytes) -> Document:
    opcode = struct.unpack_from("<i", message, 12)[0]
    if opcode == OP_REPLY:
        return _decode(message[36:])
    if opcode == OP_QUERY:
        return _decode(message[message.index(b"\0", 20) + 9 :])
    position, end = 20, len(message)
    document: Document = {}
    while position < end:
        size = struct.unpack_from("<i", message, position + 1)[0]
        section = message[position + 1 : position + 1 + size]
        if message[position] == 0:
            document = _decode(section) | document
        else:  # a sequence of documents, beside the one that is the command
            name_end = section.index(b"\0", 4)
            document[section[4:name_end].decode()] = bson.decode_all(section[name_end + 1 :])
        position += 1 + size
    return document


def _decode(data: bytes) -> Document:
    document: Document = bson.decode(data[: struct.unpack_from("<i", data)[0]])
    return document


def _message(command: Command, document: Document) -> bytes:
    body = bson.encode(document)
    if command.opcode == OP_QUERY:
        head, opcode = struct.pack("<iqii", 8, 0, 0, 1), OP_REPLY
    else:
        head, opcode = struct.pack("<ib", 0, 0), OP_MSG
    return struct.pack("<iiii", 16 + len(head) + len(body), 0, command.number, opcode) + head + body


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        reset_on_close(writer.get_extra_info("socket"))
    writer.transport.abort()
