"""The service under another limit than its own: in a process that may open few files, or with short time limits."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ..service import Service

LIMITS = "eventide_notify.realtime.protocol.limits"
"""The module whose constants say how long a request may take."""


class FewFiles(Service):
    """A service that may have so many descriptors, sockets included."""

    def __init__(self, files: int, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        # Both limits, so that it cannot raise its own.
        self._command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *self._command]


class ShortLimits(Service):
    """A service whose constants in `LIMITS` are others, in seconds."""

    def __init__(self, **limits: float) -> None:
        super().__init__()
        changes = [f"limits.{name} = {seconds}" for name, seconds in limits.items()]
        # A constant that is not there any more must not be made up here: the test would prove nothing.
        checks = [f"limits.{name}" for name in limits]
        program = "\n".join(
            [f"import {LIMITS} as limits", *checks, *changes, "from eventide_notify.cli import main", "main()"]
        )
        assert self._command[1:3] == ["-m", "eventide_notify"]
        self._command = [sys.executable, "-c", program, *self._command[3:]]
