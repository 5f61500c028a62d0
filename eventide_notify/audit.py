"""The audit log: who did what to whom, one line each, at the logger `eventide_notify.audit`.

Tokens, keys and the contents of notifications are never in it.
"""

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger("eventide_notify.audit")


def note(actor: str, action: str, subject: str, **details: Any) -> None:
    """Note what was done. `actor`: who did it (`Principal.actor`), `action`: a verb, `subject`: to what (`user:42`),
    `details`: small values, as JSON.

    In the json format `actor`, `action`, `subject` and `details` are fields.
    """
    fields = {"actor": actor, "action": action, "subject": subject}
    told = " ".join(f"{name}={json.dumps(value)}" for name, value in (fields | details).items())
    logger.info("%s", told, extra={**fields, "details": details})


def announced(actor: str, id: str, *, scheduled: bool, audience: str, topic: str | None) -> None:
    """Note that this was announced, now or for later."""
    to = {"audience": audience} | ({} if topic is None else {"topic": topic})
    note(actor, "announce", f"{'scheduled' if scheduled else 'announcement'}:{id}", **to)
