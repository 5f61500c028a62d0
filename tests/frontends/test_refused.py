"""Front ends that connect too often, or when there is no place: they are refused, and come back by themselves."""

from __future__ import annotations

import httpx

from ..service import Service
from .helpers import OpenPage, service_with
from .page import FrontEnd


def refused(service: Service, limit: str) -> float:
    lines = httpx.get(f"{service.base_url}/metrics", timeout=30, verify=False).text.splitlines()
    name = f'eventide_limits_hit_total{{limit="{limit}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def test_an_address_that_connects_too_often(open_page: OpenPage, front_end: FrontEnd, user: int) -> None:
    with service_with(LIMIT_CONNECTS="1/second") as service:
        # One after the other is not too often, if the machine is slow between them.
        for _ in range(10):
            pages = [open_page(front_end, user, at=service) for _ in range(2)]
            for page in pages:
                await page.ready()
            if refused(service, "connects"):
                break
        assert refused(service, "connects") > 0


async def test_an_instance_without_a_place(open_page: OpenPage, front_end: FrontEnd, user: int, stranger: int) -> None:
    with service_with(MAX_SOCKETS="1") as service:
        first = open_page(front_end, user, at=service)
        await first.ready()
        second = open_page(front_end, stranger, at=service)
        await second.line("connect_error")
        assert refused(service, "sockets") > 0
        await first.disconnect()
        await second.ready()
