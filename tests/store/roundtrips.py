"""What a store sends to its database, observed where the drivers allow it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from pymongo import monitoring

Sent = list[tuple[str, Any]]
"""Each statement or command on its way: SQL text and parameters, or a command's name and document."""

_listening: list[Sent] = []


@contextlib.contextmanager
def commands() -> Iterator[Sent]:
    """Collect what all stores of this process send meanwhile."""
    sent: Sent = []
    _listening.append(sent)
    try:
        yield sent
    finally:
        _listening.remove(sent)


def _note(what: str, content: Any) -> None:
    for sent in _listening:
        sent.append((what, content))


@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def _statement(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
    if not statement.startswith("BEGIN"):  # which PostgreSQL's driver does not show either
        _note(statement, parameters)


class _Commands(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command: Mapping[str, Any] = event.command
        _note(event.command_name, command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


monitoring.register(_Commands())  # reaches only clients that are made later
