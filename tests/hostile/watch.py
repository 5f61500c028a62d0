"""What an attack costs: memory, descriptors and log of a running service."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from ..require import missing
from ..service import Service
from ..waiting import until

MIB = 1024 * 1024


def connections(service: Service, user: str) -> int:
    """How many sessions of this user are open."""
    with service.client(admin=True) as client:
        return int(client.get(f"/v1/admin/users/{user}/online").json()["connections"])


async def until_gone(service: Service, user: str, *, within: float = 30) -> None:
    """Wait until the user has no session any more."""
    async with asyncio.timeout(within):
        while await asyncio.to_thread(connections, service, user):  # noqa: ASYNC110 - it is another process that we wait for
            await asyncio.sleep(0.01)


def left(service: Service) -> tuple[float, int]:
    """Sessions that the service counts, and users that it says are there."""
    with service.client(admin=True) as client:
        lines = client.get("/metrics").text.splitlines()
        [sockets] = [float(line.split()[1]) for line in lines if line.startswith("eventide_sockets ")]
        return sockets, int(client.get("/v1/admin/online-users").json()["count"])


def processor_time(pid: int) -> float:
    """Seconds for which a process has computed so far, on any processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Looks at a service's process, from outside."""

    def __init__(self, service: Service) -> None:
        if not Path("/proc/self/clear_refs").exists():
            missing("this system has no /proc to read a process's memory from")
        assert service.home is not None
        self._log = service.home.log
        self._process = Path(f"/proc/{service.pid}")
        self._began = time.monotonic()
        self._logged = self._log.stat().st_size
        (self._process / "clear_refs").write_text("5")  # the peak counts from now
        self.before = self.resident

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """Most bytes of memory since the beginning."""
        return self._status("VmHWM")

    @property
    def growth(self) -> float:
        """MiB of memory more than at the beginning."""
        return (self.resident - self.before) / MIB

    @property
    def peak_growth(self) -> float:
        """MiB of memory more than at the beginning, at its worst."""
        return (self.peak - self.before) / MIB

    @property
    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(os.listdir(self._process / "fd"))

    @property
    def log(self) -> str:
        """What was logged since the beginning."""
        with self._log.open("rb") as file:
            file.seek(self._logged)
            return file.read().decode(errors="replace")

    @property
    def log_rate(self) -> float:
        """Bytes of log per second."""
        return (self._log.stat().st_size - self._logged) / (time.monotonic() - self._began)

    async def until_descriptors(self, most: int, *, within: float = 18) -> None:
        """Wait until no more than so many are open; not for so long that those are closed who never join."""
        await until(lambda: self.descriptors <= most, within=within)

    def assert_quiet(self, *, lines: int = 20) -> None:
        """The log has no traceback, and at most so many lines."""
        log = self.log
        assert "Traceback" not in log, log[:5_000]
        assert log.count("\n") <= lines, log[:5_000]

    def _status(self, name: str) -> int:
        for line in (self._process / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")
