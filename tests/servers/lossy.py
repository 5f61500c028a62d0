"""A TCP proxy in front of a database, which loses what comes after a given word of the client's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from .process import HOST

Loss = Literal["answer", "connection", "request"]
"""What is lost: the answer, and nothing else is heard; or it, and the connection is closed; or the request itself,
before the server has it, and the connection."""


class LossyProxy:
    """One that leads to a port of this machine. Nothing is lost until `lose`."""

    port: int

    def __init__(self, target: int) -> None:
        self._target = target
        self._word: bytes | None = None
        self._loss: Loss = "answer"
        self._serving: set[asyncio.Task[None]] = set()
        self.lost = 0
        """How often something was lost."""

    def lose(self, loss: Loss, after: bytes) -> None:
        """From now on lose this of each connection on which the client says the word."""
        self._loss, self._word = loss, after

    def restore(self) -> None:
        """Lose nothing on connections that are still good, and new ones."""
        self._word = None

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._called, HOST, 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._listener.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
        silent = asyncio.Event()
        answers = asyncio.create_task(self._answers(server_reader, writer, silent))
        try:
            while data := await reader.read(65_536):
                if self._word is not None and self._word in data:
                    self.lost += 1
                    if self._loss == "request":
                        break
                    silent.set()
                server_writer.write(data)
                await server_writer.drain()
        except (OSError, asyncio.CancelledError):
            pass  # the client, or the test, has ended
        finally:
            for each in (writer, server_writer):
                each.transport.abort()
            await asyncio.gather(answers, return_exceptions=True)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        while data := await reader.read(65_536):
            if not silent.is_set():
                writer.write(data)
                await writer.drain()
            elif self._loss == "connection":
                break
        writer.close()


@asynccontextmanager
async def lossy_proxy_to(port: int) -> AsyncIterator[LossyProxy]:
    """One that runs."""
    proxy = LossyProxy(port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
