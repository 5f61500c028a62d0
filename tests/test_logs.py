"""The log, for people and for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any

from eventide_notify.logs import JsonFormatter


def logged(message: str, *values: object, **options: Any) -> dict[str, Any]:
    record = logging.getLogger("x.y").makeRecord("x.y", logging.WARNING, "f", 1, message, values, **options)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    entry: dict[str, Any] = json.loads(text)
    return entry


def test_an_entry_has_what_and_when() -> None:
    entry = logged("%s of %d", "one", 2, exc_info=None)
    assert datetime.fromisoformat(entry.pop("time")).tzinfo is not None
    assert entry == {"level": "warning", "logger": "x.y", "message": "one of 2"}


def test_it_has_what_was_added() -> None:
    entry = logged("said", exc_info=None, extra={"event": "mark_read", "path": object})
    assert entry["event"] == "mark_read"
    assert "object" in entry["path"]


def test_it_has_the_exception() -> None:
    try:
        raise RuntimeError("broken\nin two")
    except RuntimeError:
        entry = logged("failed", exc_info=sys.exc_info())
    assert "RuntimeError: broken" in entry["exception"]


def test_whatever_text_there_is_can_be_written() -> None:
    text = "\ud800 \x00 \N{OWL} \u2028"
    assert logged("%s", text, exc_info=None)["message"] == text
