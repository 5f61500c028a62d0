"""Where this service provides what python-socketio calls by a name that begins with an underscore.

These are the only private names of another library's that anything here touches; `tests/test_architecture.py` sees to
that. Each is what python-socketio's own subclasses override. It may rename them without a word, and what we provide
would then never be called: so they are looked for before anything starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, NamedTuple

import socketio


class Seam(NamedTuple):
    """A method that a class of ours overrides."""

    base: Any
    name: str
    reason: str


SEAMS = (
    Seam(socketio.AsyncServer, "_engineio_server_class", "chooses the Engine.IO server below python-socketio's"),
    Seam(socketio.AsyncRedisManager, "_publish", "what a manager for a broker has to provide: publishes a message"),
    Seam(socketio.AsyncRedisManager, "_listen", "likewise: gives the messages that come"),
)


def check_seams(seams: Iterable[Seam] = SEAMS) -> None:
    """Raise `RuntimeError` unless the installed version of python-socketio has them all."""
    for base, name, reason in seams:
        if not callable(getattr(base, name, None)):
            raise RuntimeError(
                f"python-socketio {version('python-socketio')} does not have {base.__name__}.{name} ({reason}). "
                "Install a version that this service's requirements name."
            )
