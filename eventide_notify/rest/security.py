"""Every answer has the headers that keep browsers from misusing it, whatever made it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..headers import DATA, as_bytes

_DEFAULTS = as_bytes(DATA)


class SecurityHeaders:
    """Adds `headers.DATA` to the answers of `app`, but for those that an answer has itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                given = {name.lower() for name, _ in headers}
                headers.extend(header for header in _DEFAULTS if header[0] not in given)
            await send(message)

        await self._app(scope, receive, secured)
