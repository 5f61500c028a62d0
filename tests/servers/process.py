"""A process that serves: where it lives, how it is spawned, and how it is signalled together with its children."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Home:
    """Where one server of ours lives: a temporary directory and a port of its own."""

    directory: Path
    port: int
    user: str | None
    reservations: list[socket.socket] = field(repr=False)

    @classmethod
    def new(cls, name: str, user: str | None = None) -> Home:
        """Make the directory; with a user (only root can), a server that runs as that user owns it."""
        reservation = _reserve_port()
        port = reservation.getsockname()[1]
        home = cls(Path(tempfile.mkdtemp(prefix=f"eventide-{name}-")), port, user, [reservation])
        home.data.mkdir()
        if user:
            shutil.chown(home.directory, user)
            shutil.chown(home.data, user)
        return home

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What the server printed, over all of its starts."""
        return self.directory / "server.log"

    def another_port(self) -> int:
        """One more port that is this server's until `remove`."""
        self.reservations.append(_reserve_port())
        port: int = self.reservations[-1].getsockname()[1]
        return port

    def knock(self) -> None:
        """Connect to the port, and hang up; OSError if nobody listens, at once and without a driver's log."""
        socket.create_connection((HOST, self.port), timeout=2).close()

    def remove(self) -> None:
        """Remove the directory, and let others have the ports. The server must have ended."""
        shutil.rmtree(self.directory, ignore_errors=True)
        for reservation in self.reservations:
            reservation.close()

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def spawn(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a process here, as the home's user, that writes to the log; `env`: its whole environment."""
        identity: dict[str, Any] = {}
        if self.user:
            identity = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Servers written in Python are not what a coverage run of the tests is to measure.
                env=env or {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
                # A session of its own: Ctrl-C reaches the tests, and these then stop the server in order.
                start_new_session=True,
                **identity,
            )


def freeze(pid: int) -> list[int]:
    """Stop the parent, then the children that it can no longer change; returns the pids of all."""
    send(pid, signal.SIGSTOP)
    family = _family(pid)
    for child in family[1:]:
        send(child, signal.SIGSTOP)
    return family


def thaw(pid: int) -> None:
    for member in reversed(_family(pid)):
        send(member, signal.SIGCONT)


def send(pid: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # a child may end by itself; an ended parent is a zombie until we ask for it
        os.kill(pid, which)


def alive(pid: int) -> bool:
    """Whether a process, which may be somebody else's child by now, still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _reserve_port() -> socket.socket:
    """A UDP socket on a port that is free for TCP too: until it is closed, no other test process takes this port.

    A server that is away would lose its port to one that starts meanwhile. Ports are from below the systems' ephemeral
    ranges: in those an outgoing connection could take the port as its own, even a client's that is trying to reach just
    this port, which then talks to itself and keeps the server from coming back.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)  # not random.*: seeded alike, two runs would meet
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reservation.bind((HOST, port))
            with socket.socket() as probe:
                probe.bind((HOST, port))
        except OSError:
            reservation.close()
        else:
            return reservation


def _family(pid: int) -> list[int]:
    """The process and, where the system has Linux's /proc, its descendants (PostgreSQL and RabbitMQ have some)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(descendant for child in children for descendant in _family(int(child)))]
