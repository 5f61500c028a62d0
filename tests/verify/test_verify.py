"""The command, end to end: against the service, and against servers that break their promises."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from eventide_notify.cli import cli

from ..servers.base import Server
from ..servers.process import HOST, Home
from ..service import SECRET, Service
from ..waiting import until

SMALL = ("--users", "4", "--notifications", "80", "--seconds", "3", "--drop-every", "0.5", "--drop-for", "1")
TINY = ("--users", "2", "--notifications", "2", "--seconds", "0", "--drops", "none")


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The service's secret, and nothing else of this shell and folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVENTIDE_JWT_SECRET", SECRET)
    # A service that this machine holds up for a while is not unavailable.
    monkeypatch.setattr("eventide_notify.verify.rest.REQUEST_TIMEOUT", 20.0)


def verify(*options: str) -> Result:
    # In a thread, as coverage on Python 3.11 loses track of the callers of coroutines that are cancelled.
    with ThreadPoolExecutor() as thread:
        return thread.submit(CliRunner().invoke, cli, ["verify", *options]).result()


class BrokenServer(Server):
    def __init__(self) -> None:
        home = Home.new("broken")
        run = [sys.executable, str(Path(__file__).with_name("broken.py")), str(home.port)]
        super().__init__("broken", f"http://{HOST}:{home.port}", home, run, dict(os.environ))

    def ping(self) -> None:
        httpx.get(f"{self.base_url}/full/v1/notifications/unread-count", timeout=5).raise_for_status()


@pytest.fixture(scope="module")
def broken() -> Iterator[str]:
    """Where the broken servers are."""
    with BrokenServer() as server:
        server.start()
        yield server.base_url


def lines(result: Result) -> dict[str, tuple[str, str]]:
    """The ledger as printed: mark and figure by name."""
    table = {}
    for line in result.stdout.splitlines():
        if line[:4].strip() in ("", "ok", "FAIL") and line[6:7].strip():
            table[line[6:24].strip()] = line[:4].strip(), line[24:32].strip()
    return table


def test_the_service_passes_over_two_urls(service: Service) -> None:
    other = service.base_url.replace(HOST, "localhost")
    result = verify(
        "--url", service.base_url, "--url", other, "--users", "8", "--notifications", "60", "--seconds", "6"
    )
    assert result.exit_code == 0, result.output
    table = lines(result)
    assert table["created"] == table["received"] == table["DELIVERED"] == ("", "60")
    assert table["lost"] == table["falsely DELIVERED"] == table["out of order"] == ("ok", "0")
    assert int(table["drops"][1]) > 0
    assert int(table["reconnects"][1]) > 0
    assert "PASSED: 60 of 60 received (100.000 %), each shown once" in result.stdout


def test_polling_passes_and_cleans_up(service: Service) -> None:
    result = verify("--url", service.base_url, *SMALL, "--transport", "polling", "--drops", "silent", "--json")
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["passed"]
    assert outcome["received"] == 80
    assert outcome["not_deleted"] == []
    assert _left(service, outcome) == []


def test_without_drops_nothing_comes_twice_and_it_can_be_kept(service: Service) -> None:
    result = verify(
        "--url", service.base_url, "--users", "2", "--notifications", "20", "--seconds", "1",
        "--drops", "none", "--keep", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert (outcome["copies"], outcome["reconnects"], outcome["drops"]) == (0, 0, {})
    assert [item["status"] for item in _left(service, outcome)] == ["DELIVERED"] * 20


async def test_an_instance_that_is_killed_makes_no_false_losses() -> None:
    with Service() as doomed:
        doomed.start()
        verifying = asyncio.create_task(
            asyncio.to_thread(verify, "--url", doomed.base_url, *SMALL, "--drops", "none", "--json")
        )
        with doomed.client(admin=True) as client:
            await until(lambda: "notifications_created_total 0.0" not in client.get("/metrics").text)
        doomed.kill()
        await asyncio.to_thread(doomed.start)
        result = await verifying
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["received"] == 80
    assert outcome["send_errors"]
    assert outcome["reconnects"] == 4


def _left(service: Service, outcome: dict[str, Any]) -> list[dict[str, Any]]:
    left = []
    for number in range(outcome["plan"]["users"]):
        with service.client(f"{outcome['run']}-{number}") as client:
            left += client.get("/v1/notifications?limit=100").json()["notifications"]
    return left


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_what_others_have_sent_is_none_of_its_business(service: Service, transport: str) -> None:
    with service.client(admin=True) as client:
        answer = client.post("/v1/admin/announcements", json={"message": "For everybody"})
        assert answer.status_code == 201
        try:
            result = verify(
                "--url", service.base_url, *SMALL[:6], "--drops", "clean", "--transport", transport, "--json"
            )
        finally:
            client.delete(f"/v1/admin/announcements/{answer.json()['id']}").raise_for_status()
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["passed"]
    assert outcome["not_deleted"] == []


def test_a_server_that_marks_on_emit_and_never_replays_fails(broken: str) -> None:
    result = verify("--url", f"{broken}/forgetful", *SMALL, "--drops", "silent", "--settle", "1")
    assert result.exit_code == 1
    table = lines(result)
    assert table["created"] == table["DELIVERED"] == ("", "80")
    assert table["lost"][0] == table["falsely DELIVERED"][0] == "FAIL"
    assert int(table["lost"][1]) > 0
    assert int(table["falsely DELIVERED"][1]) >= int(table["lost"][1])
    assert "FAILED: " in result.stdout


def test_a_server_that_sends_all_again_in_disorder_and_never_confirms_fails(broken: str) -> None:
    result = verify("--url", f"{broken}/nagging", *SMALL, "--drops", "silent", "--settle", "3")
    assert result.exit_code == 1
    table = lines(result)
    assert table["shown twice"] == table["falsely DELIVERED"] == ("ok", "0")
    assert table["unconfirmed"][0] == table["unmarked copies"][0] == table["out of order"][0] == "FAIL"


def test_a_server_that_saves_nothing_fails(broken: str) -> None:
    result = verify("--url", f"{broken}/full", *TINY, "--settle", "0.1")
    assert result.exit_code == 1
    assert lines(result)["not created"] == ("FAIL", "2")
    assert "attempts that failed: 2 503" in result.stdout
    assert "FAILED: 0 of 0 received (nothing); 2 not created" in result.stdout


def test_what_cannot_be_deleted_is_named(broken: str) -> None:
    result = verify("--url", f"{broken}/stuck", *TINY, "--settle", "0.1")
    assert result.exit_code == 1
    assert "NOT DELETED: what was created for verify-" in result.stdout


def test_no_server(service: Service) -> None:
    says(verify("--url", service.base_url, "--url", "http://127.0.0.1:9"), "http://127.0.0.1:9 cannot be reached")


def test_no_address() -> None:
    says(verify("--url", "localhost:3000"), "localhost:3000 is not an http:// or https:// address")


def test_an_address_that_is_no_server(service: Service) -> None:
    says(verify("--url", f"{service.base_url}/nowhere"), "/nowhere answered 404")


def test_clients_that_are_refused(broken: str) -> None:
    says(verify("--url", f"{broken}/shut", *TINY), "client was refused: No entry")


def test_clients_that_cannot_connect(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventide_notify.verify.run.CONNECT_WITHIN", 6)
    says(verify("--url", f"{broken}/deaf", *TINY), "2 of 2 users cannot connect: InvalidStatus: ")
    says(verify("--url", f"{broken}/deaf", *TINY, "--transport", "polling"), "cannot connect: Lost: answered 404")


def test_another_secret(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTIDE_JWT_SECRET", "another secret, which is just as long")
    says(verify("--url", service.base_url), "refuses tokens signed with EVENTIDE_JWT_SECRET")


def test_no_right_to_send(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTIDE_ADMIN_ROLE", "somebody")
    says(
        verify("--url", service.base_url, *TINY),
        "answered 403 to a send: This needs an administrator's token, or an API key.",
    )


def test_no_secret(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENTIDE_JWT_SECRET")
    says(verify("--url", service.base_url), "EVENTIDE_JWT_SECRET: is not set", code=2)


def says(result: Result, what: str, *, code: int = 1) -> None:
    """It could not be carried out, for this reason, in one line."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    [line] = result.stderr.splitlines()
    assert what in line
