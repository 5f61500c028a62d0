"""Programs that are built from Go modules in this repository, and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

OLDEST_GO = (1, 24)
# No C compiler, no other toolchain than the one that is installed, no workspace around this checkout.
GO_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}


class GoError(RuntimeError):
    """It could not be built; the message has what the compiler said."""


@dataclass(frozen=True)
class GoProgram:
    """A program in a folder of Go files."""

    name: str
    source: Path
    files: Sequence[str]
    """Of all that it is built from; another content of theirs makes another program."""
    tags: Sequence[str] = ()

    def problem(self) -> str | None:
        """What stands in the way of building it here; None if nothing does."""
        wanted = ".".join(map(str, OLDEST_GO))
        if not shutil.which("go"):
            return f"go is not on PATH ({self.name} is built with Go >= {wanted})"
        version = self._run("go", "env", "GOVERSION").strip()
        found = re.match(r"go(\d+)\.(\d+)", version)
        if found and tuple(map(int, found.groups())) < OLDEST_GO:
            return f"{version} is too old ({self.name} is built with Go >= {wanted})"
        return None

    def binary(self) -> Path:
        """The path of the program, built first if this version of it is not in the cache yet.

        Building takes a minute or two and, the first time, Go's module proxy. Safe to call from several processes at
        once: one of them builds. Raises `GoError`.
        """
        inputs = [(self.source / name).read_bytes() for name in self.files]
        digest = hashlib.sha256(b"\0".join([*inputs, repr(self._build).encode()])).hexdigest()[:16]
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventide-notify-tests"
        program = cache / f"{self.name.lower()}-{digest}"
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{self.name.lower()}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                with TemporaryDirectory(dir=cache) as directory:
                    built = Path(directory) / "program"
                    self._run(*self._build, "-o", str(built), ".")
                    built.replace(program)
        return program

    @property
    def _build(self) -> tuple[str, ...]:
        tags = (f"-tags={','.join(self.tags)}",) if self.tags else ()
        # Without symbols: a fifth smaller.
        return ("go", "build", "-trimpath", "-buildvcs=false", *tags, "-ldflags=-s -w")

    def _run(self, *command: str) -> str:
        environment = {**os.environ, **GO_ENVIRONMENT}
        done = subprocess.run(command, cwd=self.source, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GoError(f"{' '.join(command)}: code {done.returncode}\n{done.stderr}")
        return done.stdout
