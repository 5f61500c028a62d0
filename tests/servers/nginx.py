"""nginx for tests: the configuration that is shipped, in front of instances on this machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from .base import Server, ServerError
from .process import HOST, Home, send

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
_LINE = re.compile(r'^(\S+) \[\S+\] "(\S+) (\S+)" (\d+) \S+s (\S.*)$', re.MULTILINE)
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Request:
    """One that has ended, as nginx logged it."""

    address: str
    """The client's."""
    method: str
    path: str
    status: int
    instances: tuple[str, ...]
    """Host and port of each that was tried, the last of which has answered."""


class NginxServer(Server):
    """nginx as in `deploy/nginx.conf`.

    It takes a client's address from X-Forwarded-For, as behind another load balancer: so a test has clients of many
    addresses.
    """

    def ping(self) -> None:
        httpx.get(f"{self.base_url}/healthz", timeout=5)  # whatever the answer: instances may be away

    def requests(self) -> list[Request]:
        """All that have ended so far."""
        assert self.home
        return [
            Request(address, method, path, int(status), tuple(re.split(", | : ", tried)))
            for address, method, path, status, tried in _LINE.findall(self.home.log.read_text(errors="replace"))
        ]

    def reload(self, timeout: float = 10) -> None:
        """Have it read its configuration again, and return once new workers serve."""
        master = self._running_process().pid
        before = _children(master)
        send(master, signal.SIGHUP)
        deadline = time.monotonic() + timeout
        while not _children(master) - before:
            if time.monotonic() > deadline:
                raise ServerError(f"nginx does not reload:\n{self.home.log_tail() if self.home else ''}")
            time.sleep(0.005)


def start_nginx_server(instances: Sequence[str]) -> NginxServer:
    """Start nginx in front of the instances with these addresses; ServerError if there is no nginx."""
    # Debian keeps it where only root's PATH leads.
    program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"]))
    if program is None:
        raise ServerError("nginx is neither on PATH nor in /usr/sbin")
    home = Home.new("nginx")
    configuration = home.directory / "nginx.conf"
    configuration.write_text(_configuration(home, [urlsplit(instance).netloc for instance in instances]))
    command = [program, "-e", "stderr", "-p", str(home.directory), "-c", str(configuration), "-g", "daemon off;"]
    server = NginxServer("nginx", f"http://{HOST}:{home.port}", home, command)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _configuration(home: Home, instances: Sequence[str]) -> str:
    """The shipped configuration, with what must differ here."""
    files = "".join(f"    {name}_temp_path {home.data / name};\n" for name in _TEMPORARY)
    text = SHIPPED.read_text()
    for pattern, replacement, times in (
        (r"^pid .*;", f"pid {home.directory / 'nginx.pid'};", 1),
        (r"^worker_processes auto;", "worker_processes 2;", 1),  # more than one, so that they have to agree
        (r"^http \{\n", rf"\g<0>{files}", 1),
        (r"listen 80;", f"listen {HOST}:{home.port};", 1),
        (r"^( +server )\S+:\d+( .*;\n)(?: +server \S+:.*;\n)*", _each(instances), 3),
        (r"#set_real_ip_from .*;", f"set_real_ip_from {HOST};", 1),
        (r"#(real_ip_\w+ .*;)", r"\g<1>", 2),
    ):
        text, found = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if found != times:
            raise ServerError(f"{SHIPPED.name} has {found} times, not {times}: {pattern}")
    # Workers of root's nginx would be nobody, who may not enter this home.
    return f"user root;\n{text}" if os.geteuid() == 0 else text


def _each(instances: Sequence[str]) -> str:
    return "".join(rf"\g<1>{instance}\g<2>" for instance in instances)


def _children(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
