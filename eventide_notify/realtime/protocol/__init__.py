"""Protocol classes for uvicorn: HTTP with limits, and WebSockets that ready frames go straight into.

`uvicorn.Config(http=HttpProtocol)` is all it takes. On other ASGI servers the service does the same by ASGI alone;
limits for headers and for frames that carry nothing are then theirs.
"""

from __future__ import annotations

from .http import HttpProtocol
from .limits import ConnectionLimits
from .others import OtherWebSockets
from .websocket import WebSocketProtocol

__all__ = ["ConnectionLimits", "HttpProtocol", "OtherWebSockets", "WebSocketProtocol"]
