"""Headers that keep browsers from doing with an answer what it is not for."""

from __future__ import annotations

from collections.abc import Mapping

DATA: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of an answer that is data: it is somebody's, it is what it says, and no page shows it or contains it. (Scripts of
other origins that are allowed to ask for it by CORS can read it all the same.)"""

PAGE: Mapping[str, str] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of a page, which has a policy of its own for what it loads."""

FILE: Mapping[str, str] = {**PAGE, "Cross-Origin-Resource-Policy": "cross-origin"}
"""Of what pages load; those of other origins too: the bell and Socket.IO's client are for them."""


def as_bytes(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As ASGI has them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
