"""The command line: what each command prints, and with which code it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Protocol

import httpx
import jwt
import pytest

from eventide_notify import __version__
from eventide_notify.cli import main
from eventide_notify.models import utc_now
from eventide_notify.settings import Settings
from eventide_notify.store.migrations import STEPS
from eventide_notify.wire import iso

from .curl import curl
from .require import missing
from .servers import ServerError, start_redis_server
from .service import SECRET, Service

Result = subprocess.CompletedProcess[str]
OURS = ("EVENTIDE_", "JWT_", "MONGODB_", "DATABASE_", "REDIS_", "FRONTEND_", "PORT")
CLOSED = "http://127.0.0.1:1"
"""Where nobody listens."""


class Run(Protocol):
    """Runs `eventide-notify` in an empty folder, with these variables and none else of ours."""

    def __call__(self, *arguments: str, **variables: str) -> Result: ...


@pytest.fixture
def spawn(tmp_path: Path) -> Run:
    """As a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}

    def run(*arguments: str, **variables: str) -> Result:
        return subprocess.run(
            [sys.executable, "-m", "eventide_notify", *arguments],
            cwd=tmp_path, env=inherited | variables, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """In this process, which takes a fiftieth of the time."""
    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)

    def run(*arguments: str, **variables: str) -> Result:
        with monkeypatch.context() as patch, warnings.catch_warnings():
            patch.setattr(sys, "argv", ["eventide-notify", *arguments])
            for name, value in variables.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        return Result(arguments, int(ended.value.code or 0), *capsys.readouterr())

    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def one_line(result: Result, code: int) -> str:
    """The one line that a command which failed with this code has printed."""
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    [line] = result.stderr.splitlines()
    assert line.startswith("eventide-notify: ")
    return line.removeprefix("eventide-notify: ")


def shown(result: Result) -> dict[str, str]:
    """What `check` prints as the configuration."""
    return dict(line.split(" = ", 1) for line in result.stdout.splitlines() if " = " in line)


def database_line(result: Result) -> tuple[int, str]:
    """With which code `check` has ended, and what it says of the database."""
    [said] = [line for line in result.stdout.splitlines() if line.startswith("database: ")]
    return result.returncode, said.removeprefix("database: ")


def make_older(database: sqlite3.Connection) -> None:
    """As version 3 had it."""
    database.execute("DELETE FROM schema_version WHERE version > 3")
    database.execute("DROP TABLE revocations")
    database.commit()


# Itself


def test_the_version_by_each_of_its_names(spawn: Run) -> None:
    script = Path(sys.executable).with_name("eventide-notify")
    installed = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert installed.stdout == spawn("--version").stdout == f"eventide-notify {__version__}\n"


def test_without_a_command_it_explains_itself(run: Run) -> None:
    result = run()
    assert result.returncode == 2
    assert all(command in result.stderr for command in ("serve", "demo", "token", "send", "announce", "check"))


def test_a_wrong_option_is_told(run: Run) -> None:
    result = run("serve", "--port", "99999")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


# Configuration (which values are wrong is in test_settings.py)


def test_serve_without_a_key_points_to_the_demo(spawn: Run) -> None:
    line = one_line(spawn("serve"), 2)
    assert "EVENTIDE_JWT_SECRET" in line
    assert "eventide-notify demo" in line


@pytest.mark.parametrize("command", ["serve", "demo", "check", "token --user 1", "send --user 1 --message x"])
def test_an_unknown_setting_stops_every_command(run: Run, command: str) -> None:
    result = run(*command.split(), EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_FOO="1")
    assert one_line(result, 2) == "EVENTIDE_FOO: there is no such setting"


def test_an_unknown_setting_in_the_file_stops_it_too(spawn: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"EVENTIDE_JWT_SECRET={SECRET}\nEVENTIDE_FOO=1\n")
    assert one_line(spawn("serve"), 2) == "EVENTIDE_FOO: there is no such setting"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET"),
        ({"EVENTIDE_JWT_ALGORITHMS": "none"}, "EVENTIDE_JWT_ALGORITHMS"),
        ({"EVENTIDE_DATABASE_URL": "postgresql://localhost:port/db"}, "EVENTIDE_DATABASE_URL"),
        ({"EVENTIDE_DATABASE_URL": "mongodb://"}, "EVENTIDE_DATABASE_URL"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_told_by_name(run: Run, variables: dict[str, str], named: str) -> None:
    result = run("serve", **{"EVENTIDE_JWT_SECRET": "" if "JWT_SECRET" in variables else SECRET, **variables})
    assert one_line(result, 2).startswith(f"{named}: ")


# apikey


def test_a_key_and_its_entry(run: Run) -> None:
    result = run("apikey", "--name", "shop")
    assert (result.returncode, result.stderr) == (0, "")
    key, entry = (line.rpartition(" ")[2] for line in result.stdout.splitlines())
    settings = {"EVENTIDE_JWT_SECRET": SECRET, "EVENTIDE_DATABASE_URL": "sqlite://", "EVENTIDE_API_KEYS": entry}
    checked = run("check", **settings)
    assert shown(checked)["EVENTIDE_API_KEYS"] == "shop"
    assert entry.partition(":")[2] not in checked.stdout
    wrong = one_line(run("check", **{**settings, "EVENTIDE_API_KEYS": f"{entry},shop:{key}"}), 2)
    assert wrong.startswith("EVENTIDE_API_KEYS: entry 2 is not name:sha256")
    assert key not in wrong


def test_a_name_that_no_key_can_have(run: Run) -> None:
    assert "--name" in one_line(run("apikey", "--name", "a,b"), 2)


# check


def test_check_shows_the_configuration_without_its_secrets(run: Run) -> None:
    result = run(
        "check",
        EVENTIDE_DATABASE_URL="sqlite://",
        JWT_SECRET="abcd://a secret that looks like an address",
        PORT="4000",
        FRONTEND_URL="http://localhost:4200",
        EVENTIDE_OPS_TOKEN="hunter2",
        EVENTIDE_ALERT_WEBHOOK="https://hooks.example.com/hunter2",
        EVENTIDE_ALERT_WEBHOOK_SECRET="whsec_hunter2" + "A" * 33,
    )
    assert result.returncode == 0
    found = shown(result)
    for name in ("JWT_SECRET", "OPS_TOKEN", "ALERT_WEBHOOK_SECRET"):
        assert found[f"EVENTIDE_{name}"] == "********"
    assert found["EVENTIDE_ALERT_WEBHOOK"] == "https://hooks.example.com/********"
    assert "hunter2" not in result.stdout + result.stderr
    assert (found["EVENTIDE_PORT"], found["EVENTIDE_CORS_ORIGINS"]) == ("4000", "http://localhost:4200")
    assert (found["EVENTIDE_JWT_ALGORITHMS"], found["EVENTIDE_REDIS_URL"]) == ("HS256", "(none)")
    assert result.stdout.splitlines()[-3:] == [
        "tokens: HS256",
        "database: has no schema yet, the first start makes it",
        "redis: not configured (one instance)",
    ]


SECRETS = {
    "database_url": "postgresql://user:hunter2@127.0.0.1:1/db?sslpassword=hunter2",
    "redis_url": "redis://user:hunter2@127.0.0.1:1/0",
    "queues": "amqp://user:hunter2@127.0.0.1:1/?queue=a,redis://:hunter2@127.0.0.1:1?stream=b",
    "jwt_secret": "hunter2 is not long enough by itself",
    "alert_webhook": "https://user:hunter2@hooks.example.com/hunter2?key=hunter2",
    "alert_webhook_secret": "whsec_hunter2" + "A" * 33,
    "ops_token": "hunter2",
}
"""A value for each setting that is a secret, or has one in it."""


def test_check_shows_no_secret_of_any_setting(run: Run) -> None:
    assert {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)} == {*SECRETS}
    result = run("check", **{f"EVENTIDE_{name.upper()}": value for name, value in SECRETS.items()})
    found = shown(result)
    assert {*found} == {f"EVENTIDE_{name.upper()}" for name in Settings.model_fields}
    assert "hunter2" not in result.stdout + result.stderr
    assert found["EVENTIDE_DATABASE_URL"].startswith("postgresql://user:********@127.0.0.1:1/db")
    assert found["EVENTIDE_REDIS_URL"] == "redis://user:********@127.0.0.1:1/0"
    assert found["EVENTIDE_ALERT_WEBHOOK"] == "https://hooks.example.com/********"
    assert found["EVENTIDE_QUEUES"] == ("amqp://********@127.0.0.1:1/?queue=a,redis://********@127.0.0.1:1?stream=b")


def test_check_tries_everything_and_tells_what_fails(run: Run) -> None:
    result = run(
        "check",
        EVENTIDE_DATABASE_URL="postgresql://user:hunter2@127.0.0.1:1/db?sslpassword=hunter3",
        EVENTIDE_REDIS_URL="redis://:hunter4@127.0.0.1:1/0",
        EVENTIDE_QUEUES="redis://:hunter5@127.0.0.1:1?stream=a,amqp://user:hunter6@127.0.0.1:1?queue=a",
    )
    assert (result.returncode, result.stderr) == (1, "")
    assert "hunter" not in result.stdout
    assert shown(result)["EVENTIDE_DATABASE_URL"] == "postgresql://user:********@127.0.0.1:1/db?sslpassword=********"
    parts = [line.partition(": ") for line in result.stdout.splitlines()[-5:]]
    assert [part for part, _, _ in parts] == ["tokens", "database", "redis", "queue redis:a", "queue rabbitmq:a"]
    assert all(said.startswith("FAILED: ") for _, _, said in parts)


def test_check_says_what_answers(run: Run) -> None:
    try:
        redis = start_redis_server()
    except ServerError as error:
        missing(f"there is no Redis: {error}")
    run("migrate")
    with redis:
        url = redis.url()
        result = run("check", EVENTIDE_JWT_SECRET=SECRET, REDIS_URL=url)
    assert (result.returncode, shown(result)["EVENTIDE_REDIS_URL"]) == (0, url)
    assert result.stdout.splitlines()[-2:] == ["database: answers", "redis: answers"]


def test_check_creates_no_database(run: Run, tmp_path: Path) -> None:
    assert database_line(run("check", EVENTIDE_JWT_SECRET=SECRET)) == (
        0,
        "does not exist yet, and will be created by the first start",
    )
    assert not list(tmp_path.iterdir())
    file = tmp_path / "eventide.db"
    file.touch()  # which SQLite takes for an empty database
    assert database_line(run("check", EVENTIDE_JWT_SECRET=SECRET)) == (0, "has no schema yet, the first start makes it")
    assert file.read_bytes() == b""


def test_check_tells_of_a_folder_in_which_no_database_can_be_created(run: Run) -> None:
    url = "sqlite:////proc/eventide.db"  # there not even root makes files
    code, said = database_line(run("check", EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_DATABASE_URL=url))
    assert (code, said[:21]) == (1, "FAILED: cannot create")


def test_check_leaves_an_older_database_as_it_is(run: Run, tmp_path: Path) -> None:
    run("migrate")
    with closing(sqlite3.connect(tmp_path / "eventide.db")) as database, database:
        make_older(database)
        before = list(database.iterdump())
        code, said = database_line(run("check", EVENTIDE_JWT_SECRET=SECRET))
        brings = "eventide-notify migrate, or the next start, brings it up to date"
        assert (code, said) == (0, f"schema 3 of {len(STEPS)}: {brings}")
        assert list(database.iterdump()) == before
        database.execute("INSERT INTO schema_version VALUES (99)")
        database.commit()
    code, said = database_line(run("check", EVENTIDE_JWT_SECRET=SECRET))
    assert code == 1
    assert said.startswith("FAILED: the database has schema version 99")


def test_check_tries_to_write_where_the_schema_is_current(run: Run, tmp_path: Path) -> None:
    run("migrate")
    with closing(sqlite3.connect(tmp_path / "eventide.db", isolation_level=None)) as database:
        assert database_line(run("check", EVENTIDE_JWT_SECRET=SECRET)) == (0, "answers")
        database.execute("BEGIN IMMEDIATE")
        code, said = database_line(run("check", EVENTIDE_JWT_SECRET=SECRET))
    assert code == 1
    assert "locked" in said


def test_check_diagnoses_a_deployment(run: Run, service: Service) -> None:
    result = run("check", "--url", service.base_url, EVENTIDE_JWT_SECRET=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    assert "ok       WebSocket: the upgrade works\n" in result.stdout
    assert "ok       token: is accepted\n" in result.stdout  # one of its own
    result = run("check", "--url", service.base_url)
    assert (result.returncode, result.stderr) == (0, "")
    assert "skipped  token: no --token, or" in result.stdout
    result = run("check", "--url", service.base_url, "--origin", "https://a.example", "--token", "something")
    assert (result.returncode, result.stderr) == (1, "")
    assert "FAILED   origin https://a.example: its pages may not connect\n         -> add it to" in result.stdout
    assert "FAILED   token: is refused" in result.stdout


def test_what_is_for_a_deployment_needs_its_address(run: Run) -> None:
    result = run("check", "--slow")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "eventide-notify: --origin, --token and --slow need --url\n"


def test_check_tells_of_a_sentinel_that_does_not_answer(run: Run) -> None:
    sentinel = "redis+sentinel://127.0.0.1:1/mymaster/0"
    result = run("check", EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_DATABASE_URL="sqlite://", EVENTIDE_REDIS_URL=sentinel)
    assert result.returncode == 1
    assert re.fullmatch("redis: FAILED: .+", result.stdout.splitlines()[-1])


def test_a_password_is_hidden_also_where_the_address_is_wrong(run: Run) -> None:
    result = run("check", EVENTIDE_JWT_SECRET=SECRET, MONGODB_URI="mongodb://user:hun/ter2@host/db")
    assert shown(result)["EVENTIDE_DATABASE_URL"] == "mongodb://user:********@host/db"
    assert "ter2" not in result.stdout + result.stderr
    assert result.returncode == 2
    assert result.stderr.startswith("eventide-notify: MONGODB_URI: ")


# token


def test_a_token_is_what_the_service_accepts(run: Run, service: Service) -> None:
    result = run("token", "--user", "42", "--admin", "--ttl", "60", EVENTIDE_JWT_SECRET=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    token = result.stdout.strip()
    claims = jwt.decode(token, SECRET, ["HS256"])
    assert (claims["sub"], claims["role"], claims["exp"] - claims["iat"]) == ("42", "admin", 60)
    answer = httpx.get(f"{service.base_url}/v1/admin/online-users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_a_token_keeps_to_the_settings(spawn: Run) -> None:
    weak = {"EVENTIDE_JWT_SECRET": "weak", "EVENTIDE_ALLOW_WEAK_SECRET": "true"}
    names = {"EVENTIDE_JWT_USER_CLAIM": "uid", "EVENTIDE_JWT_AUDIENCE": "app", "EVENTIDE_JWT_ISSUER": "us"}
    result = spawn("token", "--user", "42", **weak, **names, EVENTIDE_JWT_ALGORITHMS="HS512,HS256")
    assert result.stderr == ""  # who allowed a weak secret knows that it is one
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        claims = jwt.decode(result.stdout.strip(), "weak", ["HS512"], audience="app")
    assert (claims["uid"], claims["iss"]) == ("42", "us")
    assert not {"sub", "role"} & set(claims)


@pytest.mark.parametrize("user", ["", "x" * 129])
def test_a_token_is_somebodys(run: Run, user: str) -> None:
    assert one_line(run("token", "--user", user, EVENTIDE_JWT_SECRET=SECRET), 2).startswith("--user: ")


@pytest.mark.parametrize("ttl", ["0", "-1", "99999999999999", "x"])
def test_a_token_lasts_for_some_time(run: Run, ttl: str) -> None:
    result = run("token", "--user", "1", "--ttl", ttl, EVENTIDE_JWT_SECRET=SECRET)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


def test_without_a_secret_no_token_is_made(run: Run) -> None:
    assert "EVENTIDE_JWT_SECRET" in one_line(run("token", "--user", "1"), 2)


# send, announce


def test_send_prints_what_was_created(run: Run, service: Service, user: str) -> None:
    content = ["--message", "Hello", "--title", "A title", "--type", "CLI", "--link", "/x"]
    users = ["--user", user, "--user", f"{user}-2"]
    result = run("send", *users, *content, "--url", f"{service.base_url}/", EVENTIDE_JWT_SECRET=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    first, second = (line.split() for line in result.stdout.splitlines())
    assert (first[1:], second[1:]) == ([user, "PENDING"], [f"{user}-2", "PENDING"])
    with service.client(user) as reader:
        item = reader.get(f"/v1/notifications/{first[0]}").json()
    assert [item[name] for name in ("message", "title", "type", "link")] == ["Hello", "A title", "CLI", "/x"]
    with service.client(admin=True) as admin:
        timeline = admin.get(f"/v1/admin/notifications/{first[0]}/timeline").json()
    assert "command-line" in str(timeline)
    assert "demo-admin" not in str(timeline)


def test_announce_prints_the_id(run: Run, service: Service) -> None:
    token = service.token("somebody", admin=True)
    result = run(
        "announce", "--message", "Hello", "--audience", "connected", "--url", service.base_url, "--token", token
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"[0-9a-f-]{36}\n", result.stdout)


def test_what_is_for_later_is_told_so(run: Run, service: Service, user: str) -> None:
    at, end = (iso(utc_now() + timedelta(days=days)) for days in (30, 60))
    options = ["--message", "Later", "--send-at", at, "--expires-at", end, "--url", service.base_url]
    sends = [
        (["send", "--user", user, "--collapse-key", "k"], {"kind": "notification", "users": 1}),
        (["announce", "--topic", "tides", "--require-ack", "--remind-after", "3600"],
         {"kind": "announcement", "topic": "tides", "requireAck": True, "expiresAt": end}),
    ]  # fmt: skip
    for command, wanted in sends:
        result = run(*command, *options, EVENTIDE_JWT_SECRET=SECRET)
        assert (result.returncode, result.stderr) == (0, "")
        found = re.fullmatch(rf"([0-9a-f-]{{36}})  scheduled for {at}\n", result.stdout)
        assert found, result.stdout
        with service.client(admin=True) as admin:
            [made] = [
                each for each in admin.get("/v1/admin/scheduled", params={"limit": 100}).json()["scheduled"]
                if each["id"] == found[1]
            ]  # fmt: skip
        assert {name: made[name] for name in wanted} == wanted


def test_one_takes_the_place_of_another_and_expires(run: Run, service: Service, user: str) -> None:
    end = iso(utc_now() + timedelta(days=30))
    for message in ("One", "Two"):
        options = ["--message", message, "--collapse-key", "k", "--expires-at", end]
        assert run(
            "send", "--user", user, *options, "--url", service.base_url, EVENTIDE_JWT_SECRET=SECRET
        ).returncode == 0  # fmt: skip
    with service.client(user) as reader:
        found = [
            each for each in reader.get("/v1/notifications").json()["notifications"]
            if each.get("kind") != "announcement"
        ]  # fmt: skip
    assert [(each["message"], each["collapsed"], each["expiresAt"]) for each in found] == [("Two", 1, end)]


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (["--message", "x", "--send-at", "tomorrow"], {"EVENTIDE_JWT_SECRET": SECRET}, "answered 422: sendAt: "),
        (["--message", ""], {"EVENTIDE_JWT_SECRET": SECRET}, "answered 422: message: "),
        (["--message", "x", "--link", "javascript:x"], {"EVENTIDE_JWT_SECRET": SECRET}, "answered 422: link: "),
        (["--message", "x"], {"EVENTIDE_JWT_SECRET": SECRET[::-1]}, "answered 401: "),
        (["--message", "x", "--token", "x.y.z"], {"EVENTIDE_JWT_SECRET": SECRET}, "answered 401: "),
        (["--message", "x"], {}, "EVENTIDE_JWT_SECRET is not set, and this server is no demo"),
    ],
    ids=str,
)
def test_a_refusal_is_told_in_one_line(
    run: Run, service: Service, arguments: list[str], variables: dict[str, str], told: str
) -> None:
    result = run("send", "--user", "1", *arguments, "--url", service.base_url, **variables)
    assert told in one_line(result, 1)


@pytest.mark.parametrize("variables", [{}, {"EVENTIDE_JWT_SECRET": SECRET}], ids=["without", "with"])
def test_nobody_there_is_told_in_one_line(run: Run, variables: dict[str, str]) -> None:
    result = run("send", "--user", "1", "--message", "x", "--url", CLOSED, **variables)
    assert re.search(rf"{CLOSED}/\S+ cannot be reached: ", one_line(result, 1))


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://localhost", "file:///etc/passwd", "http://a b/"])
def test_what_is_no_address_is_told_in_one_line(run: Run, url: str) -> None:
    one_line(run("announce", "--message", "x", "--url", url, EVENTIDE_JWT_SECRET=SECRET), 1)


class Stranger(BaseHTTPRequestHandler):
    """Another program at the address, such as a proxy that has lost the service."""

    answers: list[tuple[int, bytes]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_stranger_at_the_address_is_told_in_one_line(run: Run, stranger: str) -> None:
    Stranger.answers = [(502, b"<html>"), (200, b"<html>")]
    arguments = ("send", "--user", "1", "--message", "x", "--url", stranger, "--token", "t")
    assert one_line(run(*arguments), 1).endswith("answered 502: Bad Gateway")
    assert one_line(run(*arguments), 1).endswith("did not answer with JSON")


# serve


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/eventide.db",
        "postgresql://127.0.0.1:1/db",
        "mongodb://127.0.0.1:1/db?serverSelectionTimeoutMS=100",
    ],
)
def test_a_database_that_is_away_at_the_start_is_told_in_one_line(run: Run, url: str) -> None:
    result = run("serve", EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_DATABASE_URL=url)
    assert one_line(result, 1).startswith("the database cannot be used: ")


def test_a_port_that_is_taken_is_told(spawn: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = spawn("serve", "--port", port, EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_DATABASE_URL="sqlite://")
    assert (result.returncode, result.stdout) == (1, "")
    said = result.stderr.splitlines()[-1]  # after what the log says
    assert said == f"eventide-notify: cannot listen on 127.0.0.1 port {port}: address already in use"


@pytest.fixture(scope="module")
def logged() -> Iterator[Service]:
    """A service whose log is JSON and whose port and address in the environment are others."""
    elsewhere = {"EVENTIDE_PORT": "1", "EVENTIDE_HOST": "192.0.2.1"}
    with Service({"EVENTIDE_LOG_FORMAT": "json", **elsewhere}) as service:
        service.start()
        yield service


def test_serve_tells_its_address_which_options_decide(logged: Service) -> None:
    assert logged.home is not None
    assert f"Eventide Notify listens on {logged.base_url}\n" in logged.home.log.read_text()


def test_a_log_for_machines_is_an_object_a_line(logged: Service) -> None:
    assert logged.home is not None
    refused = httpx.get(f"{logged.base_url}/v1/notifications", headers={"Authorization": "Bearer x.y.z"})
    assert refused.status_code == 401
    lines = [line for line in logged.home.log.read_text().splitlines() if not line.startswith("Eventide Notify")]
    records = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "message"} <= set(record) for record in records)
    assert records[-1]["logger"] == "eventide_notify.faults"
    assert records[-1]["level"] == "info"


# demo


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    """A demo, beside a secret and a database that are not its own."""
    others = {"EVENTIDE_DATABASE_URL": "", "DATABASE_URL": "mysql://another/program"}
    with Service(others, command=["demo"]) as demo:
        demo.start()
        yield demo


@pytest.fixture
def alice(demo: Service) -> Callable[[], list[str]]:
    """The messages that she has."""
    session = httpx.get(f"{demo.base_url}/client/demo.json")
    assert session.headers["Cache-Control"] == "no-store"
    tokens = {user["id"]: user["token"] for user in session.json()["users"]}
    assert list(tokens) == ["alice", "bob", "carol"]

    def messages() -> list[str]:
        headers = {"Authorization": f"Bearer {tokens['alice']}"}
        found = httpx.get(f"{demo.base_url}/v1/notifications", headers=headers).json()["notifications"]
        return [item["message"] for item in found]

    return messages


def test_the_demo_prints_its_address_and_a_line_that_works(demo: Service, alice: Callable[[], list[str]]) -> None:
    assert demo.home is not None
    text = demo.home.log.read_text()
    assert f"Open {demo.base_url}/client/ " in text
    [line] = [line for line in text.splitlines() if line.startswith("curl ")]
    before = alice()
    answer = curl(line)
    assert answer.status_code == 201
    assert alice() == ["Hello from the command line", *before]


def test_send_needs_no_secret_with_a_demo(run: Run, demo: Service, alice: Callable[[], list[str]]) -> None:
    result = run("send", "--user", "alice", "--message", "No secret", "--url", demo.base_url)
    assert (result.returncode, result.stderr) == (0, "")
    assert alice()[0] == "No secret"
    assert run("announce", "--message", "To all", "--url", demo.base_url).returncode == 0


def test_the_demo_is_its_own_world(demo: Service) -> None:
    assert demo.home is not None
    assert httpx.get(f"{demo.base_url}/v1/notifications", headers=demo.bearer("alice")).status_code == 401
    assert (demo.home.directory / "eventide-demo.db").is_file()


def test_a_service_gives_nobody_a_token(service: Service) -> None:
    assert httpx.get(f"{service.base_url}/client/demo.json").status_code == 404


# Migrations


def test_migrate_says_what_it_would_do_and_does_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "eventide.db"
    dry = run("migrate", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.startswith(
        f"The database is new; this version of the service needs {len(STEPS)}.\nWould be done:"
    )
    assert not file.exists()
    done = run("migrate")
    assert done.returncode == 0
    assert all(f"  step {number}: " in done.stdout for number in range(1, len(STEPS) + 1))
    assert "Done in " in done.stdout.splitlines()[-1]
    for arguments in (["migrate"], ["migrate", "--dry-run"]):
        again = run(*arguments)
        assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "There is nothing to do.")


def test_a_dry_run_leaves_an_older_database_as_it_is(run: Run, tmp_path: Path) -> None:
    run("migrate")
    with closing(sqlite3.connect(tmp_path / "eventide.db")) as database, database:
        make_older(database)
        before = list(database.iterdump())
        dry = run("migrate", "--dry-run")
        assert dry.returncode == 0
        assert "has schema version 3;" in dry.stdout
        assert re.findall(r"step (\d+)", dry.stdout) == list(map(str, range(4, len(STEPS) + 1)))
        assert list(database.iterdump()) == before


def test_migrate_refuses_a_database_of_a_later_version(run: Run, tmp_path: Path) -> None:
    run("migrate")
    with closing(sqlite3.connect(tmp_path / "eventide.db")) as database, database:
        database.execute("INSERT INTO schema_version VALUES (99)")
    for arguments in (["migrate"], ["migrate", "--dry-run"]):
        assert "knows only" in one_line(run(*arguments), 1)


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/x", "sqlite:////nowhere/x.db"])
def test_migrate_tells_of_a_database_that_is_away(run: Run, url: str) -> None:
    assert "cannot open" in one_line(run("migrate", "--dry-run", EVENTIDE_DATABASE_URL=url), 1)
    assert "EVENTIDE_DATABASE_URL" in one_line(run("migrate", EVENTIDE_DATABASE_URL="mysql://x"), 2)
