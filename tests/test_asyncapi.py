"""The AsyncAPI document: AsyncAPI's own parser takes it, the service shows it, and it has all that there is.

`frontends/test_described.py` holds it against what stock clients send and receive.
"""

from __future__ import annotations

import json
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from eventide_notify import Settings, create_app, wire

from .require import missing
from .service import SECRET, Service
from .serving import serving

TOOLS = Path(__file__).parents[1] / "tools"
SETTINGS = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://"))
RENAMED = SETTINGS.model_copy(update={"notification_events": ("shop:news", "news 2"), "root_namespace": False})
OF_SOCKET_IO = {"connect", "disconnect", "disconnecting", "newListener", "removeListener"}
"""Names that a caller's event may not have, because clients use them for themselves."""


async def shown(path: str = "/asyncapi.json", settings: Settings = SETTINGS, **app: Any) -> dict[str, Any]:
    """The document as such a service shows it."""
    async with serving(create_app(settings, **app)) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get(path)
        assert answer.headers["Content-Type"] == "application/json"
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def faults(*documents: dict[str, Any]) -> list[list[str]]:
    """What AsyncAPI's own parser says against each."""
    if not (TOOLS / "node_modules" / "@asyncapi").is_dir():
        missing("AsyncAPI's parser is not installed: make check does it")
    check = subprocess.run(
        ["node", "asyncapi.mjs"], cwd=TOOLS, input=json.dumps(documents),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (check.returncode, check.stderr) == (0, "")
    found: list[list[str]] = json.loads(check.stdout)
    return found


async def test_asyncapis_own_parser_takes_it() -> None:
    of_the_demo = await shown(demo=True)
    assert of_the_demo["asyncapi"].startswith("3.")
    broken = deepcopy(of_the_demo)
    broken["operations"]["root.mark_read"]["messages"][0]["$ref"] = "#/channels/root/messages/nothing"
    *good, bad = faults(of_the_demo, await shown(settings=RENAMED), broken)
    assert good == [[], []]
    assert bad != [], "it finds nothing"


async def test_names_that_settings_give_to_events_are_in_it() -> None:
    document = await shown(settings=RENAMED)
    assert list(document["channels"]["notifications"]["messages"])[:2] == ["shop_news", "news_2"]
    assert document["components"]["messages"]["shop_news"]["name"] == "shop:news"
    assert "root" not in document["channels"]


async def test_beside_another_application_it_is_where_the_rest_apis_is() -> None:
    assert (await shown("/v1/asyncapi.json", inner_app=Starlette()))["info"]["title"] == "Eventide Notify"


def test_the_service_shows_it(service: Service) -> None:
    answer = httpx.get(f"{service.base_url}/asyncapi.json").raise_for_status().json()
    assert {channel["address"] for channel in answer["channels"].values()} >= {"/", "/notifications"}


@pytest.mark.parametrize("namespace", ["notifications", "root"])
async def test_it_has_every_reserved_event(namespace: str) -> None:
    document = await shown(demo=True)
    names = {document["components"]["messages"][key]["name"] for key in document["channels"][namespace]["messages"]}
    elsewhere = {"notifications": {wire.NEW_NOTIFICATION}, "root": {"notification", "newNotification"}}
    assert wire.RESERVED_EVENTS - names - elsewhere[namespace] == OF_SOCKET_IO


async def test_greetings_are_in_that_of_the_demo_only() -> None:
    greetings = {wire.MESSAGE_TO_CLIENT, wire.MESSAGE_TO_SERVER}
    assert greetings <= (await shown(demo=True))["components"]["messages"].keys()
    assert not greetings & (await shown())["components"]["messages"].keys()
