"""What is shipped for Prometheus and Grafana: every query is run by Prometheus on real figures, every alert fires."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from ..require import missing
from ..servers import ServerError, start_redis_server
from ..servers.prometheus import DEPLOY, RULES, PrometheusServer, promtool, start_prometheus_server
from ..service import Service
from ..test_metrics import ROW, figures
from .alerts import ALERTS, STEPS, Series

TOKEN = "what Prometheus may see"
OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
METRICS = (DEPLOY.parent / "docs" / "metrics.md").read_text()
DOCUMENTED = {name: set(filter(None, labels.split(","))) for name, labels, _ in ROW.findall(METRICS)}
ADDED = {"instance", "job", "le"}
"""Labels that Prometheus and histograms add."""

SLOW = {"EventideDown", "EventideEventLoopLag", "EventideSlowReplays", "EventideDatabaseSlow", "EventideDeaf",
        "EventideDegraded", "EventideChannelLag", "EventideInstancesApart"}  # fmt: skip
"""Alerts that are right when the machine stands still for some seconds, as one that tests does now and then."""
ALWAYS = {"Notifications", "REST requests", "Sessions", "Transports", "Calls", "Commands, 99 %", "Up", "Versions"}
"""Panels that show something as soon as a service has done something."""


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Every expression, as Prometheus takes it."""
    found = {alert["alert"]: str(alert["expr"]) for alert in alerts()}
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            found[f"{panel['title']} {target['refId']}"] = expression
    return found


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    """Prometheus, and a service that has done something."""
    with ExitStack() as stack:
        redis = stack.enter_context(start_redis_server())
        settings = {"EVENTIDE_REDIS_URL": redis.url(), "EVENTIDE_OPS_TOKEN": TOKEN}
        service = stack.enter_context(Service(settings))
        service.start()
        try:
            server = stack.enter_context(start_prometheus_server([service.base_url], TOKEN))
        except ServerError as error:
            missing(f"there is no Prometheus: {error}")
        _wait(server, 'up{job="eventide"} == 1')
        service.send("somebody")
        # Grows twice while it is watched: a rate needs two samples of the series.
        _wait(server, 'eventide_http_request_seconds_count{status="201"}')
        service.send("somebody")
        _wait(server, 'rate(eventide_http_request_seconds_count{status="201"}[1m]) > 0')
        yield server


def _wait(server: PrometheusServer, expression: str, within: float = 60) -> None:
    end = time.monotonic() + within
    while not server.query(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.1)


async def test_every_query_can_be_run(prometheus: PrometheusServer) -> None:
    results = {name: prometheus.query(query) for name, query in queries().items()}
    empty = {name[:-2] for name, found in results.items() if name.endswith(" A") and not found}
    assert empty & ALWAYS == set()
    names = {alert["alert"] for alert in alerts()}
    assert names >= SLOW
    assert {name for name in names - SLOW - {"EventideInternalErrors"} if results[name]} == set()


@pytest.mark.parametrize(("name", "query"), queries().items(), ids=queries().keys())
def test_every_query_names_what_there_is(name: str, query: str) -> None:
    used = re.findall(r"\b((?:eventide|process|python)_\w+|up)\b(?:\{([^}]*)\})?", re.sub(r"by \([^)]*\)", "", query))
    labels: set[str] = set()
    for metric, selector in used:
        base = metric if metric in DOCUMENTED else re.sub(r"_(bucket|count|sum)$", "", metric)
        assert metric == "up" or (base in DOCUMENTED and base in figures()), metric
        known = DOCUMENTED.get(base, set()) | ADDED
        labels |= known
        assert set(re.findall(r"(\w+)[=!]~?\"", selector)) <= known
    assert used
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= labels


def test_the_dashboard_has_each_row_and_no_panel_twice() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Traffic", "Delivery", "Latency", "Instances", "Database", "Redis and the channel", "Limits", "Process",
    ]  # fmt: skip
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_each_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"].endswith(".")
    assert alert["annotations"]["runbook"] == f"docs/operations.md#{alert['alert'].lower()}"
    assert f"\n### {alert['alert']}\n\n" in OPERATIONS


def test_no_other_alert_is_explained() -> None:
    section = OPERATIONS.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == [alert["alert"] for alert in alerts()]


def test_the_files_are_sound() -> None:
    try:
        promtool("check", "config", DEPLOY / "prometheus.yml")
        promtool("check", "rules", RULES)
    except ServerError as error:
        missing(f"there is no promtool: {error}") if "not on PATH" in str(error) else pytest.fail(str(error))


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    assert list(ALERTS) == [alert["alert"] for alert in alerts()]
    tests = [
        _case(name, series, fires=fires)
        for name, (loud, quiet) in ALERTS.items()
        for series, fires in ((loud, True), (quiet, False))
    ]
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": tests}))
    try:
        promtool("test", "rules", file)
    except ServerError as error:
        missing(f"there is no promtool: {error}") if "not on PATH" in str(error) else pytest.fail(str(error))


def _case(name: str, series: Series, *, fires: bool) -> dict[str, Any]:
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": f"{STEPS * 15}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }
