"""Tokens that no library would make, with texts that look like lines of a log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from ..service import SECRET

FORGED = "12:00:00 ERROR   somebody: forged"
EVIL = f"x\n{FORGED}\r{FORGED}\u2028{FORGED}\x85{FORGED}\x1b[2J"


def crafted(header: dict[str, Any], payload: dict[str, Any], secret: str = SECRET) -> str:
    """A token that no library would make."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{signed}.{encoded(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


HS256 = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"sub": EVIL[:100], "exp": 2**32}
TOKENS = {
    "malformed": "a.b.c",
    "crit": crafted({**HS256, "crit": [EVIL]}, CLAIMS),
    "kid": crafted({**HS256, "kid": EVIL}, CLAIMS, "another secret that is long enough"),
    "kid that is a list": crafted({**HS256, "kid": [EVIL]}, CLAIMS),
    "alg": crafted({"alg": EVIL}, CLAIMS),
    "user id": crafted(HS256, {**CLAIMS, "sub": [EVIL]}),
    "exp": crafted(HS256, {**CLAIMS, "exp": EVIL}),
}
