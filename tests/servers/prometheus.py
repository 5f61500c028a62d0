"""Prometheus for tests: it scrapes instances of ours every second, and knows the rules that are shipped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml  # type: ignore[import-untyped]

from .base import Server, ServerError
from .process import HOST, Home

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus-rules.yml"


class PrometheusServer(Server):
    """Prometheus with the shipped configuration."""

    def ping(self) -> None:
        httpx.get(f"{self.base_url}/-/ready", timeout=5, verify=False).raise_for_status()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an expression has now; ServerError if it cannot be computed."""
        answer = httpx.get(f"{self.base_url}/api/v1/query", params={"query": expression}, timeout=30, verify=False)
        body = answer.json()
        if body["status"] != "success" or body.get("warnings"):
            raise ServerError(f"{expression}: {body.get('error')} {body.get('warnings')}")
        found: list[dict[str, Any]] = body["data"]["result"]
        return found


def start_prometheus_server(instances: Sequence[str], token: str) -> PrometheusServer:
    """Start Prometheus before the instances with these addresses; ServerError if there is none."""
    program = shutil.which("prometheus")
    if program is None:
        raise ServerError("prometheus is not on PATH")
    home = Home.new("prometheus")
    (home.directory / "prometheus.yml").write_text(_configuration(instances, token))
    command = [
        program, f"--config.file={home.directory / 'prometheus.yml'}", f"--storage.tsdb.path={home.data}",
        f"--web.listen-address={HOST}:{home.port}", "--log.level=warn",
    ]  # fmt: skip
    server = PrometheusServer("prometheus", f"http://{HOST}:{home.port}", home, command)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def promtool(*arguments: str | Path) -> str:
    """What promtool says; ServerError if there is none, or if it is not content."""
    program = shutil.which("promtool")
    if program is None:
        raise ServerError("promtool is not on PATH")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    said = f"{done.stdout}\n{done.stderr}"
    if done.returncode:
        raise ServerError(said)
    return said


def _configuration(instances: Sequence[str], token: str) -> str:
    """The shipped configuration, with what must differ here."""
    configuration = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(RULES)]
    [job] = configuration["scrape_configs"]
    job["authorization"] = {"credentials": token}
    job["static_configs"] = [{"targets": [urlsplit(instance).netloc for instance in instances]}]
    written: str = yaml.safe_dump(configuration)
    return written
