"""The audit log: who did what to whom, one line each, at the logger `eventide_notify.audit`.

Tokens, keys and the contents of notifications are never in it.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from .models import Principal

logger = logging.getLogger("eventide_notify.audit")


def note(principal: Principal, action: str, subject: str, **details: Any) -> None:
    """Note what was done. `action`: a verb, `subject`: to what (`user:42`), `details`: small values, as JSON.

    In the json format `actor`, `action`, `subject` and `details` are fields.
    """
    fields = {"actor": principal.actor, "action": action, "subject": subject}
    told = " ".join(f"{name}={json.dumps(value)}" for name, value in (fields | details).items())
    logger.info("%s", told, extra={**fields, "details": details})
