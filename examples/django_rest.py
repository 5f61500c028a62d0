"""A shop's back end on Django. The notification service is another process, and is told by REST, with an API key.

eventide-notify apikey --name shop                               # prints a key, and the entry for the setting
EVENTIDE_API_KEYS=shop:… eventide-notify serve
EVENTIDE_API_KEY=evk_… python examples/django_rest.py            # the shop, on port 8000
curl -X POST http://127.0.0.1:8000/orders/4711/ship              # user 42 is told, once, however often this is run
"""

from __future__ import annotations

import os
import secrets
import time
from typing import Any
from wsgiref.simple_server import make_server

import httpx
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path

BUYERS = {4711: "42"}
PAUSES = (0.5, 2, 5)
"""Seconds between tries while the service is away, or its database is. A shop that must never forget puts the
request into a table in the transaction of the order, and sends from there: see docs/producers.md."""

eventide = httpx.Client(
    base_url=os.environ.get("EVENTIDE_URL", "http://127.0.0.1:3000"),
    headers={"Authorization": f"Bearer {os.environ['EVENTIDE_API_KEY']}"},
    timeout=10,
)  # one client, so that connections are used again; threads may share it


def ship(request: HttpRequest, order: int) -> JsonResponse:
    if order not in BUYERS:
        raise Http404("there is no such order")
    body = {"userId": BUYERS[order], "title": "Shipped", "message": f"Order {order} is on its way", "type": "ORDER"}
    notification = notify(f"order-{order}-shipped", body)
    if notification is None:
        return JsonResponse({"detail": "the buyer could not be notified"}, status=503)
    return JsonResponse({"notification": notification})


def notify(key: str, body: dict[str, Any]) -> str | None:
    """Send it, once; the notification's id. The key makes it safe to ask again when an answer was lost."""
    for pause in (*PAUSES, None):
        try:
            answer = eventide.post("/v1/admin/notifications", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code not in (429, 500, 502, 503, 504):
            answer.raise_for_status()  # 4xx: the request is wrong, and will be the next time
            return str(answer.json()["notifications"][0]["id"])
        if pause is not None:
            time.sleep(pause)
    return None


urlpatterns = [path("orders/<int:order>/ship", ship)]
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=secrets.token_urlsafe(32), ALLOWED_HOSTS=["127.0.0.1"])
application = get_wsgi_application()

if __name__ == "__main__":
    make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), application).serve_forever()
