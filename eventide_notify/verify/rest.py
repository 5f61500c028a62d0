"""The REST calls of a run, spread over the URLs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .http import FAULTS, Answer, exchange

REQUEST_TIMEOUT = 5.0
"""Seconds that one request may take."""
PAGE = 100
FINAL = {400, 401, 403, 404, 405, 413, 415, 422}
"""Answers that the same request would get again."""


class CannotVerify(Exception):
    """The run could not be carried out, which says nothing about delivery. The message is one line."""


class SendFailed(Exception):
    """An attempt to send that may be repeated. The message is the reason in short."""


class Rest:
    """The service's REST API. Reading and deleting take whichever URL answers, and raise one of `FAULTS` if none does.

    Tokens are those of whom the call is for.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = [url.rstrip("/") for url in urls]

    async def check(self, token: str) -> None:
        """Raise `CannotVerify` unless every URL answers this user."""
        for url in self.urls:
            if not url.startswith(("http://", "https://")):
                raise CannotVerify(f"{url} is not an http:// or https:// address")
            try:
                answer = await self._ask("GET", f"{url}/v1/notifications/unread-count", token)
            except FAULTS as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise CannotVerify(f"{url} cannot be reached: {reason}") from None
            if answer.status == 401:
                raise CannotVerify(f"{url} refuses tokens signed with EVENTIDE_JWT_SECRET: that must be the server's")
            if answer.status != 200:
                raise CannotVerify(f"{url} answered {answer.status}: {answer.detail}")

    async def send(self, url: str, token: str, user: str, message: str, *, key: str) -> str:
        """Create a notification through this URL; its id. Raises `SendFailed`, or `CannotVerify` for a refusal."""
        body = {"userId": user, "type": "VERIFY", "message": message}
        try:
            answer = await self._ask("POST", f"{url}/v1/admin/notifications", token, body, {"Idempotency-Key": key})
            if answer.status == 201:
                return str(answer.json()["notifications"][0]["id"])
        except TimeoutError:
            raise SendFailed("not answered in time") from None
        except ConnectionRefusedError:
            raise SendFailed("refused a connection") from None
        except FAULTS:
            raise SendFailed("broke off") from None
        if answer.status in FINAL:
            raise CannotVerify(f"{url} answered {answer.status} to a send: {answer.detail}")
        raise SendFailed(str(answer.status))

    async def page(self, token: str, cursor: str | None = None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """The newest of the user's notifications, or those at the cursor; and the next cursor."""
        answer = await self._ask_any("GET", f"?limit={PAGE}" + (f"&cursor={cursor}" if cursor else ""), token, {200})
        page = answer.json()
        return page["notifications"], page["nextCursor"]

    async def delete(self, token: str, id: str) -> None:
        """Delete a notification of the user's, if it is still there."""
        await self._ask_any("DELETE", f"/{id}", token, {204, 404})

    async def _ask_any(self, method: str, rest: str, token: str, wanted: set[int]) -> Answer:
        for url in self.urls:
            with suppress(*FAULTS):
                answer = await self._ask(method, f"{url}/v1/notifications{rest}", token)
                if answer.status in wanted:
                    return answer
        raise ConnectionError("no URL answers")

    async def _ask(
        self, method: str, url: str, token: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        fixed = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        async with asyncio.timeout(REQUEST_TIMEOUT):
            return await exchange(method, url, headers={**fixed, **(headers or {})}, body=text)
