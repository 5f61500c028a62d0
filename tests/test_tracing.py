"""Whether there are traces: as the variables of OpenTelemetry say, and at no cost otherwise."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from eventide_notify import build

from .service import SECRET

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    "given",
    [{}, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
     {"OTEL_TRACES_EXPORTER": "console"}, {"OTEL_SERVICE_NAME": "somebody"}],
)  # fmt: skip
def test_there_are_none_unless_they_are_asked_for(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert build.tracing() is None


@pytest.mark.parametrize("given", [ENDPOINT, {"OTEL_TRACES_EXPORTER": "otlp"}], ids=str)
async def test_there_are_when_they_are(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    tracing = build.tracing()
    assert tracing is not None
    await tracing.close()


def test_without_the_extra_the_log_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "eventide_notify.tracing", None)
    with caplog.at_level(logging.WARNING):
        assert build.tracing() is None
    assert "pip install eventide-notify[otel]" in caplog.text


def test_nothing_of_it_is_imported_when_there_are_none() -> None:
    program = f"""
import sys
from eventide_notify import Settings, create_app
create_app(Settings(jwt_secret="{SECRET}", database_url="sqlite://"))
# (redis itself imports parts of it where it is installed.)
assert not {{"eventide_notify.tracing", "opentelemetry.exporter"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
