"""Whose work is being done, for the log: which request's, and which session's.

Both are inherited by the tasks that this work starts. A task that does the work of many starts with `nobodys()`, lest
its lines name the one who happened to come first.
"""

from __future__ import annotations

import os
import re
from contextvars import Context, ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
session_id: ContextVar[str] = ContextVar("session_id", default="")

_SANE = re.compile(r"[A-Za-z0-9._:=/+-]{1,64}")


def nobodys() -> Context:
    """The context of work that is nobody's in particular."""
    return Context()


def sane_request_id(given: str | None) -> str:
    """The id that a caller gave its request, if that is short and plain; otherwise a new one."""
    return given if given is not None and _SANE.fullmatch(given) else os.urandom(16).hex()
