"""An id for each request, by which its answer, its lines in the log and what its caller knows of it belong together."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..context import request_id, sane_request_id

HEADER = "X-Request-ID"
_HEADER = HEADER.lower().encode()


class RequestIds:
    """Serves `app`. The id is the caller's `X-Request-ID`, if that is one, or made; it is in the answer, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == _HEADER), None)
        id = sane_request_id(None if given is None else given.decode("latin-1"))
        header = (_HEADER, id.encode())

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        token = request_id.set(id)
        try:
            await self._app(scope, receive, answer)
        finally:
            request_id.reset(token)
