"""Logging: one line per record, for people or as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A JSON object per record: `time`, `level`, `logger`, `message`, `exception`, and what was passed as `extra`."""

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


def configure_logging(level: str, format: str) -> None:
    """Send every record of this level and above to standard error."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    handler.setFormatter(JsonFormatter() if format == "json" else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their messages are about single packets; what goes wrong in our own code is logged by ourselves.
    for name in ("eventide_notify.socketio", "eventide_notify.engineio"):
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
    # uvicorn tells of every WebSocket that comes and goes.
    logging.getLogger("uvicorn").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
