"""FerretDB, built from the Go module in this directory and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ..base import ServerError

SOURCE = Path(__file__).parent
FILES = ("go.mod", "go.sum", "main.go", "front.go")
OLDEST_GO = (1, 24)
# Without PostgreSQL: only SQLite is used. Without symbols: a fifth smaller.
BUILD = ("go", "build", "-trimpath", "-buildvcs=false", "-tags=ferretdb_no_postgresql", "-ldflags=-s -w")
# No C compiler, no other toolchain than the one that is installed, no workspace around this checkout.
GO_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}


def problem() -> str | None:
    """What stands in the way of building FerretDB here; None if nothing does."""
    wanted = ".".join(map(str, OLDEST_GO))
    if not shutil.which("go"):
        return f"go is not on PATH (FerretDB is built with Go >= {wanted})"
    version = _run("go", "env", "GOVERSION").strip()
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found and tuple(map(int, found.groups())) < OLDEST_GO:
        return f"{version} is too old (FerretDB is built with Go >= {wanted})"
    return None


def binary() -> Path:
    """The path of the program, built first if this version of it is not in the cache yet.

    Building takes a minute or two and, the first time, Go's module proxy. Safe to call from several processes at
    once: one of them builds. Raises ServerError with what the compiler said.
    """
    inputs = [(SOURCE / name).read_bytes() for name in FILES]
    digest = hashlib.sha256(b"\0".join([*inputs, repr(BUILD).encode()])).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventide-notify-tests"
    program = cache / f"ferretdb-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "ferretdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            with TemporaryDirectory(dir=cache) as directory:
                built = Path(directory) / "program"
                _run(*BUILD, "-o", str(built), ".")
                built.replace(program)
    return program


def _run(*command: str) -> str:
    environment = {**os.environ, **GO_ENVIRONMENT}
    done = subprocess.run(command, cwd=SOURCE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"{' '.join(command)}: code {done.returncode}\n{done.stderr}")
    return done.stdout
