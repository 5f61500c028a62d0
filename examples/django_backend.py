"""A shop's back end on Django, with the notification service in the same process.

Start it with `python examples/django_backend.py` (or `uvicorn examples.django_backend:app`). Then user 42 is told:

    curl -X POST http://127.0.0.1:3000/orders/4711/ship              # an asynchronous view
    curl -X POST http://127.0.0.1:3000/orders/4711/cancel            # an ordinary one

Django's own addresses stay what they are. The sockets, /v1/… and /client/ are the service's. In a project of yours this
is what `asgi.py` has: `app = create_app(inner_app=get_asgi_application())`.
"""

from __future__ import annotations

import secrets
from typing import Any

import uvicorn
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from pydantic import SecretStr

from eventide_notify import Draft, Settings, create_app
from eventide_notify.realtime.protocol import HttpProtocol

settings = Settings()
if settings.jwt_secret is None:  # to try it without a configuration; tokens then end with the process
    settings = Settings(jwt_secret=SecretStr(secrets.token_urlsafe(32)))

BUYERS = {4711: "42"}


async def ship(request: HttpRequest, order: int) -> JsonResponse:
    [sent] = await app.notifications.send(*shipped(order), idempotency_key=f"order-{order}-shipped", caller="shop")
    return JsonResponse({"notification": sent.id})


def cancel(request: HttpRequest, order: int) -> JsonResponse:
    # An ordinary view runs in a thread; this runs the call where the service is. Within a transaction:
    # `transaction.on_commit(lambda: …)`, so that nobody is told of what is rolled back.
    send = async_to_sync(app.notifications.send)
    [sent] = send([buyer(order)], Draft(title="Cancelled", message=f"Order {order} is cancelled", type="ORDER"))
    return JsonResponse({"notification": sent.id})


def shipped(order: int) -> tuple[list[str], Draft]:
    return [buyer(order)], Draft(title="Shipped", message=f"Order {order} is on its way", type="ORDER")


def buyer(order: int) -> str:
    if order not in BUYERS:
        raise Http404("there is no such order")
    return BUYERS[order]


urlpatterns: list[Any] = [path("orders/<int:order>/ship", ship), path("orders/<int:order>/cancel", cancel)]
django_settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=secrets.token_urlsafe(32), ALLOWED_HOSTS=["127.0.0.1"])
app = create_app(settings, inner_app=get_asgi_application())

if __name__ == "__main__":
    # The service's own HTTP class has limits, and writes WebSocket frames as they are; `eventide-notify serve` uses it.
    uvicorn.run(app, host=settings.host, port=settings.port, http=HttpProtocol)
