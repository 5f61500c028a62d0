"""`compose.yaml` agrees with the settings, the image and nginx. (Here is no Docker to run it.)"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from eventide_notify import cli
from eventide_notify.server import GRACE
from eventide_notify.settings import SECRET_MIN_BYTES, Settings, load_settings

from ..servers.nginx import SHIPPED

ROOT = Path(__file__).parents[2]
INSTANCES = ("eventide-1", "eventide-2")

Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose: Any) -> Services:
    return dict(compose["services"])


@pytest.fixture
def settings(services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """What an instance makes of its environment."""
    monkeypatch.chdir(tmp_path)  # where there is no .env
    for name, value in services[INSTANCES[0]]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{EVENTIDE_JWT_SECRET:.*}", "x" * SECRET_MIN_BYTES, value))
    return load_settings()


def address(service: dict[str, Any]) -> str:
    return str(service["networks"]["default"]["ipv4_address"])


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_it_is_a_compose_file(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(ROOT / "compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((ROOT / "compose.yaml").read_text().replace("restart: unless-stopped", "restarts: 1", 1))
    assert subprocess.run([*command, str(wrong)], capture_output=True, check=False).returncode == 1


def test_both_instances_are_the_same_but_for_their_address(services: Services) -> None:
    one, other = ({**services[name], "networks": None} for name in INSTANCES)
    assert one == other
    assert address(services[INSTANCES[0]]) != address(services[INSTANCES[1]])


def test_an_instance_finds_the_database_and_redis(services: Services, settings: Settings) -> None:
    assert re.match(r"mongodb://mongodb:27017/", settings.database_url.get_secret_value())
    assert settings.redis_url is not None
    assert re.match(r"redis://redis:6379/", settings.redis_url.get_secret_value())
    assert {"mongodb", "redis"} <= {*services}
    assert {*services[INSTANCES[0]]["depends_on"]} == {"mongodb", "redis"}


def test_it_does_not_start_without_a_secret_and_says_so(services: Services) -> None:
    required = services[INSTANCES[0]]["environment"]["EVENTIDE_JWT_SECRET"]
    assert re.fullmatch(r"\$\{EVENTIDE_JWT_SECRET:\?.*EVENTIDE_JWT_SECRET.*\.env.*}", required)
    assert f"{SECRET_MIN_BYTES} bytes" in required


def test_nginx_finds_the_instances(services: Services, settings: Settings) -> None:
    upstreams = re.findall(r"^ +server (\S+):(\d+) ", SHIPPED.read_text(), re.MULTILINE)
    assert upstreams == [(name, str(settings.port)) for name in INSTANCES] * 3
    assert settings.host == "0.0.0.0"
    nginx = services["nginx"]
    assert nginx["extra_hosts"] == {name: address(services[name]) for name in INSTANCES}
    assert {*nginx["depends_on"]} == {*INSTANCES}
    mounted = f"./{SHIPPED.relative_to(ROOT)}:/etc/nginx/nginx.conf:ro"
    assert nginx["volumes"] == [mounted]


def test_the_ports_agree(services: Services, settings: Settings) -> None:
    [published] = services["nginx"]["ports"]
    [listens] = re.findall(r"^ +listen (\d+);", SHIPPED.read_text(), re.MULTILINE)
    assert published == f"${{HTTP_PORT:-3000}}:{listens}"
    assert re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == [str(settings.port)]
    assert (
        f"http://127.0.0.1:{settings.port}/readyz?accept=degraded" in services[INSTANCES[0]]["healthcheck"]["test"][-1]
    )
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]


def test_instances_believe_nginx_alone(compose: Any, services: Services) -> None:
    [network] = compose["networks"]["default"]["ipam"]["config"]
    fixed = [address(services[name]) for name in ("nginx", *INSTANCES)]
    assert len({*fixed}) == 3
    assert all(ip_address(found) in ip_network(network["subnet"]) for found in fixed)
    for name in INSTANCES:
        assert services[name]["environment"]["EVENTIDE_TRUSTED_PROXIES"] == address(services["nginx"])


def test_a_stop_has_the_time_it_needs(services: Services) -> None:
    drain = inspect.signature(cli.serve).parameters["drain"].default
    for name in INSTANCES:
        assert seconds(services[name]["stop_grace_period"]) >= drain + GRACE + 5


def test_everything_comes_back_by_itself_and_is_watched(compose: Any, services: Services) -> None:
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
    assert compose["volumes"] == {"mongodb": None}
    assert services["mongodb"]["volumes"] == ["mongodb:/data/db"]
