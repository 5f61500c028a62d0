"""The back ends in `examples/` run as their first lines say, and tell a user once."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from eventide_notify.access import entry_of, new_key
from eventide_notify.models import utc_now

from ..service import SECRET, Service, issuer
from ..serving import serving
from ..test_examples import Backend
from .building import EXAMPLES

BUYER = "42"
KEY = new_key()
BY_REST = ["fastapi_rest.py", "django_rest.py"]


class Shop(Backend):
    """An example that is no notification service itself."""

    def __init__(self, example: str, service: str) -> None:
        super().__init__(str(EXAMPLES / example), EVENTIDE_URL=service, EVENTIDE_API_KEY=KEY)

    def ping(self) -> None:
        httpx.post(f"{self.base_url}/orders/1/ship", timeout=5)


@pytest.fixture
def eventide() -> Iterator[Service]:
    with Service({"EVENTIDE_API_KEYS": entry_of("shop", KEY)}) as service:
        service.start()
        yield service


def messages(client: httpx.Client) -> list[str]:
    return [item["message"] for item in client.get("/v1/notifications").raise_for_status().json()["notifications"]]


@pytest.mark.parametrize("example", BY_REST)
def test_by_rest_a_buyer_is_told_once(eventide: Service, example: str) -> None:
    with Shop(example, eventide.base_url) as shop, eventide.client(BUYER) as buyer:
        shop.start()
        sent = [httpx.post(f"{shop.base_url}/orders/4711/ship", timeout=30) for _ in range(2)]
        [id] = {answer.raise_for_status().json()["notification"] for answer in sent}
        assert messages(buyer) == ["Order 4711 is on its way"]
        assert buyer.get(f"/v1/notifications/{id}").status_code == 200
        assert httpx.post(f"{shop.base_url}/orders/1/ship", timeout=30).status_code == 404


@pytest.mark.parametrize("example", BY_REST)
async def test_after_a_503_it_asks_again_with_the_same_key(example: str) -> None:
    asked: list[str] = []

    async def send(request: Request) -> Response:
        asked.append(request.headers["idempotency-key"])
        notifications = [{"id": "1", "userId": BUYER, "status": "PENDING"}]
        return Response(status_code=503) if len(asked) == 1 else JSONResponse({"notifications": notifications}, 201)

    away = Starlette(routes=[Route("/v1/admin/notifications", send, methods=["POST"])])
    async with serving(away, lifespan="off") as address, httpx.AsyncClient(timeout=30) as client:
        with Shop(example, address) as shop:
            shop.start()
            answer = await client.post(f"{shop.base_url}/orders/4711/ship")
    assert answer.raise_for_status().json() == {"notification": "1"}
    assert asked == ["order-4711-shipped"] * 2


@pytest.fixture(
    params=[
        (str(EXAMPLES / "django_backend.py"),),
        ("-m", "uvicorn", "examples.django_backend:app", "--port", "{port}"),
    ],
    ids=["itself", "uvicorn"],
)
def django(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with Backend(*request.param, EVENTIDE_JWT_SECRET=SECRET, PYTHONPATH=str(EXAMPLES.parent)) as backend:
        backend.start()
        yield backend


def test_django_and_the_service_are_one_process(django: Backend) -> None:
    bearer = {"Authorization": f"Bearer {issuer().issue(BUYER, ttl=3600, now=utc_now())}"}
    with httpx.Client(base_url=django.base_url, headers=bearer, timeout=30) as buyer:
        sent = [buyer.post("/orders/4711/ship").raise_for_status().json() for _ in range(2)]
        assert sent[0] == sent[1]
        assert messages(buyer) == ["Order 4711 is on its way"]
        buyer.post("/orders/4711/cancel").raise_for_status()
        assert messages(buyer) == ["Order 4711 is cancelled", "Order 4711 is on its way"]
        assert buyer.post("/orders/1/cancel").status_code == 404
        assert buyer.get("/v1/docs").status_code == 200
        assert buyer.get("/docs").status_code == 404
