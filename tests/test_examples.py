"""The examples run as their first lines say, and do what they claim."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventide_notify.errors import Unavailable

from .curl import curl
from .servers.base import Server
from .servers.process import HOST, Home
from .service import SECRET
from .serving import serving

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "fastapi_backend.py"


class Backend(Server):
    """An example as a process, started by these arguments to Python, with no configuration but where to be."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        home = Home.new("example")
        env = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTIDE_", "JWT_"))}
        env |= {"EVENTIDE_DATABASE_URL": f"sqlite:///{home.data / 'eventide.db'}", "EVENTIDE_PORT": str(home.port)}
        env |= settings | {"PORT": str(home.port)}
        run = [sys.executable, *(argument.format(port=home.port) for argument in arguments)]
        super().__init__("example", f"http://{HOST}:{home.port}", home, run, env)

    def ping(self) -> None:
        httpx.get(f"{self.base_url}/healthz", timeout=5).raise_for_status()

    @property
    def printed(self) -> list[str]:
        assert self.home is not None
        return self.home.log.read_text().splitlines()


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(str(EXAMPLE)) as backend:
        backend.start()
        yield backend


@pytest.fixture(scope="module")
def commands(backend: Backend) -> list[str]:
    """Ana's post, and Ben's comment."""
    return [line for line in backend.printed if line.startswith("curl ")]


def notifications(backend: Backend, token: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{backend.base_url}/v1/notifications", headers={"Authorization": f"Bearer {token}"})
    found: list[dict[str, Any]] = answer.json()["notifications"]
    return found


def test_an_author_is_told_of_anothers_comment_and_not_of_ones_own(backend: Backend, commands: list[str]) -> None:
    write, comment = commands
    ana = backend.printed[2]
    assert ana in write
    post = curl(write).json()
    assert post == {"id": 1, "author": 1, "title": "Sunset", "comments": []}
    own = write.replace("/posts ", "/posts/1/comments ").replace('"title"', '"text"')
    assert curl(own).status_code == 201
    assert notifications(backend, ana) == []
    assert curl(comment).status_code == 201
    [told] = notifications(backend, ana)
    assert told["type"] == "NEW_COMMENT"
    assert told["message"] == 'Ben commented on "Sunset"'
    assert (told["link"], told["data"], told["userId"]) == ("/posts/1#comment-2", {"postId": 1}, "1")


def test_its_own_routes_are_its_own(backend: Backend, commands: list[str]) -> None:
    _, comment = commands
    assert httpx.post(f"{backend.base_url}/posts", json={"title": "x"}).status_code == 401
    assert httpx.get(f"{backend.base_url}/posts/99").json() == {"detail": "there is no such post"}
    assert curl(comment.replace("/posts/1/", "/posts/99/")).status_code == 404
    assert curl(comment.replace("Bearer ", "Bearer x")).status_code == 401
    for path, title in (("/openapi.json", "A blog"), ("/v1/openapi.json", "Eventide Notify")):
        assert httpx.get(f"{backend.base_url}{path}").json()["info"]["title"] == title


def test_uvicorn_runs_it_too() -> None:
    uvicorn = ("-m", "uvicorn", "--app-dir", str(ROOT), "examples.fastapi_backend:app", "--port", "{port}")
    with Backend(*uvicorn) as backend:
        backend.start()
        assert httpx.get(f"{backend.base_url}/posts/1").status_code == 404


async def test_a_comment_is_written_also_when_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTIDE_JWT_SECRET", SECRET)
    monkeypatch.setenv("EVENTIDE_DATABASE_URL", "sqlite://")
    example = importlib.import_module("examples.fastapi_backend")

    async def away(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(example.app.notifications, "send", away)
    async with serving(example.app) as address, httpx.AsyncClient(base_url=address) as client:
        for user, path, body in ((1, "/posts", {"title": "Sunset"}), (2, "/posts/1/comments", {"text": "Where?"})):
            headers = {"Authorization": f"Bearer {example.token(user)}"}
            assert (await client.post(path, json=body, headers=headers)).status_code == 201
        assert (await client.get("/posts/1")).json()["comments"] == ["Where?"]
