"""The log, for people and for machines."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime
from typing import Any

import pytest

from eventide_notify.logs import JsonFormatter, TextFormatter, configure_logging


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


LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
FORGED = "12:00:00 WARNING x.y: forged"


def lines(message: str, *values: object, error: BaseException | None = None) -> list[str]:
    given = (type(error), error, error.__traceback__) if error else None
    record = logging.getLogger("x.y").makeRecord("x.y", logging.WARNING, "f", 1, message, values, given)
    return TextFormatter().format(record).splitlines()  # at whatever ends a line anywhere


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_a_record_is_one_line_whatever_is_in_it(end: str) -> None:
    [line] = lines("%s said", f"somebody{end}{FORGED}")
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING x\.y: somebody.*forged said", line)


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_a_traceback_cannot_begin_another_record(end: str) -> None:
    try:
        try:
            raise KeyError(f"cause{end}{FORGED}")
        except KeyError:
            raise RuntimeError(f"broken{end}{FORGED}") from None
    except RuntimeError as error:
        first, *rest = lines("failed", error=error)
    assert first.endswith("x.y: failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest)
    assert any("RuntimeError: broken" in line for line in rest)


def test_what_a_terminal_would_obey_is_escaped() -> None:
    [line] = lines("%s", "\x1b[2J\x07\x08\x7f\x9b\u202e \N{OWL} é")
    assert line.endswith(r"\x1b[2J\x07\x08\x7f\x9b\u202e" + " \N{OWL} é")


def test_what_another_handler_has_formatted_is_not_taken_over() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        record = logging.getLogger("x.y").makeRecord("x.y", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    logging.Formatter().format(record)
    assert TextFormatter().format(record).splitlines()[1].startswith("    ")


def test_the_audit_log_does_not_depend_on_the_level() -> None:
    parts = ("audit", "socketio", "engineio")
    ours = ("", "uvicorn", "eventide_notify", *(f"eventide_notify.{part}" for part in parts))
    levels = {name: logging.getLogger(name).level for name in ours}
    handlers = logging.root.handlers[:]
    try:
        configure_logging("error", "text")
        assert logging.getLogger("eventide_notify.audit").isEnabledFor(logging.INFO)
        assert not logging.getLogger("eventide_notify.rest").isEnabledFor(logging.INFO)
    finally:
        logging.root.handlers[:] = handlers
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
