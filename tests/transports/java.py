"""The stock Java client (`tests/java`), each a process of its own."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import maven
from ..require import missing
from ..waiting import until

JAVA = Path(__file__).parents[1] / "java"
CLASSES, LIBRARIES = JAVA / "target" / "classes", JAVA / "target" / "lib"
DEADLINE = 30.0
"""Seconds in which anything that is waited for must come; a virtual machine has to start first."""


def build() -> None:
    """Fetch what the client needs, and compile it; does nothing if that was done. Skips the test where it cannot be."""
    if problem := maven.problem() or (None if shutil.which("javac") else "javac is not on PATH"):
        missing(problem)
    try:
        maven.libraries(JAVA)
    except maven.MavenError as error:
        missing(str(error))
    sources = [JAVA / "pom.xml", JAVA / "Client.java"]
    built = CLASSES / "Client.class"
    with sources[0].open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)  # other test runs share this folder
        if built.exists() and built.stat().st_mtime >= max(source.stat().st_mtime for source in sources):
            return
        command = ["javac", "-Xlint:all", "-Werror", "-d", str(CLASSES), "-cp", f"{LIBRARIES}/*", "Client.java"]
        compiled = subprocess.run(command, cwd=JAVA, stdout=PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert compiled.returncode == 0, compiled.stdout


@dataclass(frozen=True)
class Line:
    """Something that happened to the client; `Client.java` says what there is."""

    what: str
    name: str | None = None
    data: Any = None


class JavaClient:
    """One that runs."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reader = asyncio.create_task(self._read())
        self.lines: list[Line] = []

    def find(self, what: str, name: str | None = None) -> list[Line]:
        """All lines of this kind so far."""
        return [line for line in self.lines if line.what == what and name in (None, line.name)]

    async def line(self, what: str, name: str | None = None, *, nth: int = 1) -> Line:
        """The nth line of this kind; waits for it."""
        try:
            await until(lambda: len(self.find(what, name)) >= nth, within=DEADLINE)
        except AssertionError:
            happened = "\n".join(map(str, self.lines))
            raise AssertionError(f"{what} {name or ''} did not happen {nth} times, but:\n{happened}") from None
        return self.find(what, name)[nth - 1]

    async def ready(self) -> None:
        """Wait until it has connected and got what it missed."""
        await self.line("event", "catch_up_complete")

    def shown(self) -> list[str]:
        """The ids of the notifications that came, in order."""
        return [line.data["id"] for line in self.find("event", "notification")]

    async def call(self, *event: Any) -> Any:
        """Emit an event; what the server answers to its ack callback."""
        assert self._process.stdin
        before = len(self.find("answer", event[0]))
        self._process.stdin.write(json.dumps(event).encode() + b"\n")
        return (await self.line("answer", event[0], nth=before + 1)).data

    async def close(self) -> None:
        """End it, without a word to the server."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._reader
        assert await self._process.wait() == 0

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            self.lines.append(Line(**json.loads(line)))


@asynccontextmanager
async def java_client(
    url: str, token: str, transports: Sequence[str] | None = None, *, timestamps: bool | None = None
) -> AsyncIterator[JavaClient]:
    """One that connects, over these transports, with `timestampRequests`; None: as it is by default."""
    given = {"url": url, "token": token, "transports": transports, "timestampRequests": timestamps}
    argument = json.dumps({name: value for name, value in given.items() if value is not None})
    process = await asyncio.create_subprocess_exec(
        "java", "-cp", f"{CLASSES}:{LIBRARIES}/*", "Client", argument, stdin=PIPE, stdout=PIPE
    )
    client = JavaClient(process)
    try:
        yield client
    finally:
        await client.close()
