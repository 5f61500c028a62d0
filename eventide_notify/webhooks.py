"""Signed webhooks (standardwebhooks.com): a POST of JSON whose receiver can tell who sent it, and knows it again."""

from __future__ import annotations

import asyncio
import http.client
import logging
import random
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import orjson
from standardwebhooks import Webhook

logger = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds in which the receiver must begin to answer."""
PAUSES = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds between the attempts, with some jitter."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None  # to a place that nobody has configured


class WebhookSender:
    """Sends webhooks to one address, which begins with http:// or https://.

    `secret`: `whsec_` and base64, or base64 alone; raises `ValueError` for anything else.
    """

    def __init__(self, url: str, secret: str, *, pauses: Sequence[float] = PAUSES) -> None:
        self._url = url
        self._signer = Webhook(secret)
        self._pauses = pauses
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, id: str, payload: Mapping[str, Any]) -> None:
        """Send it, again and again until it is taken, or all attempts have failed. Does not wait. Receivers know by
        the `id` what they have had before."""
        task = asyncio.create_task(self._send(id, orjson.dumps(payload).decode()), name=f"webhook {id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the attempts."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            logger.warning("%d webhook(s) were not taken before the stop", len(tasks))

    async def _send(self, id: str, body: str) -> None:
        for pause in (*self._pauses, None):
            failure = await self._attempted(id, body)
            if failure is None:
                return
            if pause is None:
                logger.error("the webhook %s was not taken: %s", id, failure)
                return
            logger.warning("the webhook %s was not taken, it is tried again: %s", id, failure)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def _attempted(self, id: str, body: str) -> str | None:
        """What went wrong; None if it was taken."""
        outcome: Future[str | None] = Future()
        outcome.set_running_or_notify_cancel()  # the thread goes on, whoever has ceased to wait for it

        def attempt() -> None:
            try:
                outcome.set_result(self._attempt(id, body))
            except Exception as error:
                outcome.set_exception(error)

        # Not one of the loop's own threads: the end of a process waits for those.
        Thread(target=attempt, name=f"webhook {id}", daemon=True).start()
        return await asyncio.wrap_future(outcome)

    def _attempt(self, id: str, body: str) -> str | None:
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "eventide-notify",
            "Webhook-Id": id,
            "Webhook-Timestamp": str(int(now.timestamp())),
            "Webhook-Signature": self._signer.sign(id, now, body),
        }
        try:
            request = urllib.request.Request(self._url, body.encode(), headers, method="POST")  # noqa: S310 - checked
            with self._opener.open(request, timeout=TIMEOUT):
                return None
        except urllib.error.HTTPError as error:
            error.close()
            return f"the answer was {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"{type(error).__name__}"  # whose text may have the address in it, which may be a secret
