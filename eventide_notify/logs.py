"""Logging: one line per record, for people or as JSON. Nothing that a client sent can begin another record."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from .context import request_id, session_id

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, what ends a line somewhere, and what turns the direction of writing."""


class TextFormatter(logging.Formatter):
    """A line per record, in which control characters are escaped. A traceback follows, each of its lines indented: only
    a record begins at the beginning of a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        about = [f"{name.removesuffix('_id')} {vars(record)[name]}" for name in _ABOUT if name in vars(record)]
        told = f" ({', '.join(about)})" if about else ""
        lines = [_escaped(self.formatMessage(record) + told)]
        # Not `record.exc_text`, which another handler's formatter may have left there as it is.
        for text in (self.formatException(record.exc_info) if record.exc_info else None, record.stack_info):
            lines += [f"    {_escaped(line)}" for line in text.split("\n")] if text else []
        return "\n".join(lines)


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class JsonFormatter(logging.Formatter):
    """A JSON object per record: `time`, `level`, `logger`, `message`, `exception`, what was passed as `extra`, and
    `request_id` and `session_id` where the record belongs to a request or a session."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update((key, value) for key, value in vars(record).items() if key not in _PLAIN)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)  # which can write whatever text there is, half of a surrogate pair too


_ABOUT = {"request_id": request_id, "session_id": session_id}


def note_whose(record: logging.LogRecord) -> bool:
    """A filter for handlers, which lets everything pass: adds the ids of the request and the session to the record."""
    vars(record).update((name, id) for name, variable in _ABOUT.items() if (id := variable.get()))
    return True


def configure_logging(level: str, format: str) -> None:
    """Send every record of this level and above to standard error.

    What is for debugging comes from the service alone: drivers write what they carry, messages and tokens too.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    handler.addFilter(note_whose)
    logging.basicConfig(level="INFO" if level == "debug" else level.upper(), handlers=[handler], force=True)
    logging.getLogger("eventide_notify").setLevel(level.upper())
    logging.getLogger("eventide_notify.audit").setLevel(logging.INFO)  # whatever else is logged
    # Their messages are about single packets, with what clients put there; what goes wrong in our own code is logged by
    # ourselves.
    for name in ("eventide_notify.socketio", "eventide_notify.engineio"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # uvicorn tells of every WebSocket that comes and goes.
    logging.getLogger("uvicorn").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
