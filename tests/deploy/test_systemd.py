"""`deploy/eventide-notify.service` is what systemd takes, and the service runs with the system calls that it allows.

(There is no systemd that could start it here.)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventide_notify import build
from eventide_notify.server import FILES, GRACE
from eventide_notify.settings import ConfigurationError, load_settings

from ..require import missing
from ..service import SECRET, Service

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "eventide-notify.service"
ENVIRONMENT = ROOT / "deploy" / "eventide-notify.env"
CONFINED = Path(__file__).parent / "confined.py"
EXPOSURE = 1.5
"""What `systemd-analyze security` may find at most, of 10."""

Unit = dict[str, list[str]]


@pytest.fixture(scope="module")
def unit() -> Unit:
    """Each setting with its values."""
    found: Unit = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        missing("systemd-analyze is not on PATH")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_systemd_takes_it(unit: Unit, tmp_path: Path) -> None:
    [command] = unit["ExecStart"]
    here = tmp_path / UNIT.name
    installed = Path(sys.executable).parent / "eventide-notify"
    here.write_text(UNIT.read_text().replace(command.split()[0], str(installed)))
    done = analyze("verify", here)
    assert (done.returncode, done.stderr) == (0, "")
    here.write_text(here.read_text() + "\n[Service]\nNoSuchSetting=1\n")
    assert "NoSuchSetting" in analyze("verify", here).stderr


def test_it_exposes_little() -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", UNIT)
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_a_stop_has_the_time_it_needs(unit: Unit) -> None:
    [command], [limit], [files] = unit["ExecStart"], unit["TimeoutStopSec"], unit["LimitNOFILE"]
    drain = re.fullmatch(r"/opt/eventide/bin/eventide-notify serve --drain (\d+)", command)
    assert drain is not None
    assert int(limit) >= int(drain[1]) + GRACE + 5
    assert (unit["KillSignal"], int(files)) == (["SIGTERM"], FILES)


def test_its_environment_lacks_nothing_but_the_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no .env
    for line in ENVIRONMENT.read_text().splitlines():
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="EVENTIDE_JWT_SECRET"):
        build.token_verifier(load_settings())
    monkeypatch.setenv("EVENTIDE_JWT_SECRET", SECRET)
    build.token_verifier(load_settings())
    assert load_settings().database_url.get_secret_value() == "sqlite:///eventide.db"


class Confined(Service):
    """The service with these system calls only."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self._command = [sys.executable, str(CONFINED), " ".join(calls), *self._command]


def allowed(unit: Unit) -> Iterator[str]:
    """The system calls that the unit allows."""
    first, less = unit["SystemCallFilter"]
    assert less.startswith("~")
    without = set(calls(*less[1:].split()))
    yield from (call for call in calls(*first.split()) if call not in without)


def calls(*sets: str) -> Iterator[str]:
    listed = analyze("syscall-filter", *sets)
    assert listed.returncode == 0, listed.stderr
    for name in re.findall(r"^ {4}([@\w-]+)$", listed.stdout, re.MULTILINE):
        yield from calls(name) if name.startswith("@") else [name]


def test_the_service_runs_with_the_system_calls_that_are_left(unit: Unit) -> None:
    names = list(allowed(unit))
    assert {"read", "socket", "execve"} <= {*names}
    assert not {"mount", "ptrace", "chown", "setrlimit"} & {*names}
    with Confined(names) as service:
        service.start()
        [sent] = service.send("42")  # which SQLite saves
        with service.client("42") as client:
            assert [each["id"] for each in client.get("/v1/notifications").json()["notifications"]] == [sent]
        assert service.home
        service.stop(20)
        assert "Traceback" not in service.home.log.read_text()
        assert service._process is not None
        assert service._process.returncode in (0, -15)


def test_the_filter_is_one() -> None:
    done = subprocess.run(
        [sys.executable, CONFINED, "read write execve exit_group", "true"], capture_output=True, check=False
    )
    assert done.returncode != 0
