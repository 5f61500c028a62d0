"""WebSockets that are not asked for at the Socket.IO path: an inner application's, or nobody's."""

from __future__ import annotations

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ...faults import ClientFaults


class OtherWebSockets(WebSocketsSansIOProtocol):
    """uvicorn's `ws=`: its own class, without a line in the log for what clients do."""

    faults = ClientFaults()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _quiet

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # The request is answered. uvicorn would take it for one that the application forgot.
            self.handshake_complete = True
            self.faults.note("asked for a WebSocket where there is none, and were refused")


def _is_no_clients(record: logging.LogRecord) -> bool:
    if record.msg == "Invalid UTF-8 sequence received from client.":  # with a traceback each
        OtherWebSockets.faults.note("sent a WebSocket message that is not UTF-8")
        return False
    return True


_quiet = logging.getLogger("uvicorn.error.websockets")
_quiet.addFilter(_is_no_clients)
