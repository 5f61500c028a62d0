"""What is to be seen of the service after good and bad clients: no token and no message in the log, even of debugging,
and no label that a client made up."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ..raw import RawClient, raw_client
from ..service import Service
from ..test_metrics import ROW
from .hostile import once
from .peer import bearer, request
from .tokens import EVIL, TOKENS
from .watch import Watch

BODY = "what nobody but the user may read"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
SERIES_MAX = 120
"""Values of its labels that a figure has at most, after all of this."""


@pytest.fixture(scope="module")
def watched() -> Iterator[Service]:
    """A service that logs all that it can."""
    with Service({"EVENTIDE_LOG_LEVEL": "debug", "EVENTIDE_LOG_FORMAT": "json"}) as service:
        service.start()
        yield service


@asynccontextmanager
async def connected(service: Service, user: str) -> AsyncIterator[RawClient]:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        yield client


async def behave(service: Service, number: int) -> None:
    """As a user and a back end do."""
    user = f"user-{number}"
    async with connected(service, user) as client:
        [id] = service.send(user, message=BODY, title=BODY, data={"more": BODY})
        await client.event("notification")
        await client.call("mark_read", {"notificationId": id})
        await client.call("refresh_token", {"token": service.token(user, ttl=7200)})
        await client.call("get_notifications", {"q": BODY})
    with service.client(user) as rest:
        rest.get("/v1/notifications", params={"q": BODY}).raise_for_status()


async def misbehave(service: Service, number: int) -> None:
    """As nobody should, under many names."""
    odd = f"{EVIL}{number}"
    for made in TOKENS.values():
        await once(service, request(f"/v1/notifications?{quote(odd)}={BODY.replace(' ', '+')}", headers=[bearer(made)]))
        async with raw_client(service.base_url, {"token": made}) as refused:
            await refused.frame(lambda frame: frame.startswith(("44", "41")))
    token = service.token(f"evil-{number}")
    async with connected(service, f"evil-{number}") as client:
        await client.call(odd, {"a": BODY})
        await client.call("mark_read", {odd: BODY})
        await client.call(token, token)
        await client.emit("notification_ack", {"notificationIds": [odd]})
    with service.client(f"evil-{number}") as rest:
        for method, path in (
            ("GET", quote(odd)),
            (f"X{number}", ""),
            ("PUT", f"{quote(odd)}/read"),
            ("DELETE", odd[0]),
        ):
            rest.request(method, f"/v1/notifications/{path}", headers={"X-Request-ID": token})


@pytest.fixture(scope="module")
def log(watched: Service) -> str:
    """What was logged meanwhile."""
    watch = Watch(watched)

    async def live() -> None:
        for number in range(3):
            await behave(watched, number)
            await misbehave(watched, number)

    asyncio.run(live())
    return watch.log


def entries(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


def test_there_is_something_in_the_log(log: str) -> None:
    said = [entry["message"] for entry in entries(log)]
    assert any(text.startswith("POST /v1/admin/notifications: 201 in ") for text in said)


def test_no_token_and_no_message_is_in_it(log: str, watched: Service) -> None:
    assert BODY not in log
    assert "eyJ" not in log  # how each header of a token begins
    parts = {part for made in TOKENS.values() for part in made.split(".") if len(part) > 3}
    assert not any(part in log for part in parts)


def test_lines_of_a_request_have_its_id(log: str) -> None:
    about = [entry for entry in entries(log) if " in " in entry["message"] and entry["message"][:4] in ("GET ", "POST")]
    assert about
    assert all(re.fullmatch(r"[0-9a-f]{32}", entry["request_id"]) for entry in about)


def samples(service: Service) -> dict[str, list[Sample]]:
    text = httpx.get(f"{service.base_url}/metrics", verify=False).text
    found = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append(sample)
    return found


def test_no_label_is_a_clients(log: str, watched: Service) -> None:
    for name, found in samples(watched).items():
        values = {tuple((key, value) for key, value in sample.labels.items() if key != "le") for sample in found}
        assert len(values) <= SERIES_MAX, name
        for _, value in {pair for pairs in values for pair in pairs}:
            assert not re.search(r"evil|forged|user-|eyJ|\n", value), name


def test_each_label_is_explained(log: str, watched: Service) -> None:
    documented = {name: set(filter(None, labels.split(","))) for name, labels, _ in ROW.findall(DOCUMENT)}
    for name, found in samples(watched).items():
        base = name if name in documented else re.sub(r"_(bucket|count|sum|created)$", "", name)
        if base not in documented:
            base = f"{base}_total"  # its time of creation
        for sample in found:
            assert set(sample.labels) - {"le"} == documented[base], name
