"""A shop's back end on FastAPI. The notification service is another process, and is told by REST, with an API key.

eventide-notify apikey --name shop                               # prints a key, and the entry for the setting
EVENTIDE_API_KEYS=shop:… eventide-notify serve
EVENTIDE_API_KEY=evk_… python examples/fastapi_rest.py           # the shop, on port 8000
curl -X POST http://127.0.0.1:8000/orders/4711/ship              # user 42 is told, once, however often this is run
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request

SERVICE = os.environ.get("EVENTIDE_URL", "http://127.0.0.1:3000")
BUYERS = {4711: "42"}
PAUSES = (0.5, 2, 5)
"""Seconds between tries while the service is away, or its database is. A shop that must never forget puts the
request into a table in the transaction of the order, and sends from there: see docs/producers.md."""


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[dict[str, Any]]:
    bearer = {"Authorization": f"Bearer {os.environ['EVENTIDE_API_KEY']}"}
    async with httpx.AsyncClient(base_url=SERVICE, headers=bearer, timeout=10) as eventide:
        yield {"eventide": eventide}  # one client, so that connections are used again


app = FastAPI(title="A shop", lifespan=lifespan)


@app.post("/orders/{order}/ship")
async def ship(order: int, request: Request) -> dict[str, str]:
    if order not in BUYERS:
        raise HTTPException(404, "there is no such order")
    body = {"userId": BUYERS[order], "title": "Shipped", "message": f"Order {order} is on its way", "type": "ORDER"}
    return {"notification": await notify(request.state.eventide, f"order-{order}-shipped", body)}


async def notify(eventide: httpx.AsyncClient, key: str, body: dict[str, Any]) -> str:
    """Send it, once; the notification's id. The key makes it safe to ask again when an answer was lost."""
    for pause in (*PAUSES, None):
        try:
            answer = await eventide.post("/v1/admin/notifications", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code not in (429, 500, 502, 503, 504):
            answer.raise_for_status()  # 4xx: the request is wrong, and will be the next time
            return str(answer.json()["notifications"][0]["id"])
        if pause is not None:
            await asyncio.sleep(pause)
    raise HTTPException(503, "the buyer could not be notified")


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
