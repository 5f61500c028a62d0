"""What is sent: by every peer the same notification, 300 bytes of JSON."""

from __future__ import annotations

MESSAGE = "Alice commented on your post: looks good, is it too dark?"
PAYLOAD = {
    "id": "01931c5e-9f2c-7c1e-b0a1-3f0f6a1d2c3b",
    "type": "NEW_COMMENT",
    "title": "New comment",
    "message": MESSAGE,
    "link": "/posts/1#comment-9",
    "status": "DELIVERED",
    "read": False,
    "createdAt": "2026-11-20T09:00:00.000Z",
    "timestamp": "2026-11-20T09:00:00.000Z",
}
CONTENT = {name: PAYLOAD[name] for name in ("type", "title", "message", "link")}
"""What is said of it to the server."""
