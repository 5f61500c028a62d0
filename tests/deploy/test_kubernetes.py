"""`deploy/kubernetes` is what Kubernetes takes, and agrees with the settings and the image. (Here is no cluster.)"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]
from starlette.routing import Route

from eventide_notify import create_app
from eventide_notify.server import GRACE
from eventide_notify.settings import ConfigurationError, Settings, load_settings

from ..golang import GoError, GoProgram
from ..require import missing

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
FOLDERS = ("base", "overlays/example")
VERSIONS = ("1.29", "1.32", "1.35")
OPERATORS = {"/healthz", "/readyz", "/metrics"}

KUSTOMIZE = GoProgram("kustomize", Path(__file__).parent / "kustomize", ("go.mod", "go.sum", "main.go"))

Objects = dict[str, Any]
"""By kind; there is one of each."""


def built(folder: str) -> list[Any]:
    """What `kustomize build` makes of a folder, by kustomize's own library."""
    if problem := KUSTOMIZE.problem():
        missing(problem)
    try:
        program = KUSTOMIZE.binary()
    except GoError as error:
        missing(str(error))
    done = subprocess.run([program, KUBERNETES / folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def objects() -> Objects:
    """The example."""
    made = built("overlays/example")
    found = {each["kind"]: each for each in made}
    assert len(found) == len(made)
    return found


@pytest.fixture(scope="module")
def pod(objects: Objects) -> Any:
    return objects["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: Any) -> Any:
    [container] = pod["containers"]
    return container


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_it(folder: str, version: str) -> None:
    made = built(folder)
    assert len(made) >= 5
    for each in made:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_validator_sees_what_is_wrong(objects: Objects) -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**objects["Service"], "spek": {}}, VERSIONS[0], strict=True)


def test_it_starts_with_its_settings(objects: Objects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = settings_of(objects, monkeypatch, tmp_path)
    assert settings.redis_url is not None  # there are several instances
    assert settings.database_url.get_secret_value().startswith("postgresql://")
    assert settings.log_format == "json"


def settings_of(objects: Objects, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """What a pod makes of its environment, with what the image sets."""
    monkeypatch.chdir(folder)  # where there is no .env
    image = re.findall(r"(EVENTIDE_\w+)=(\S+)", (ROOT / "Dockerfile").read_text())
    for name, value in [*image, *environment(objects)]:
        monkeypatch.setenv(name, value)
    return load_settings()


def environment(objects: Objects) -> Iterator[tuple[str, str]]:
    yield from objects["ConfigMap"]["data"].items()
    secret = objects["Secret"]
    yield from secret.get("stringData", {}).items()
    yield from ((name, base64.b64decode(value).decode()) for name, value in secret.get("data", {}).items())


def test_kubernetes_adds_no_settings(
    objects: Objects, pod: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What it would add for a Service of this name, which the service takes for a setting that it does not know.
    prefix = objects["Service"]["metadata"]["name"].replace("-", "_").upper()
    monkeypatch.setenv(f"{prefix}_SERVICE_HOST", "10.0.0.7")
    with pytest.raises(ConfigurationError):
        settings_of(objects, monkeypatch, tmp_path)
    assert pod["enableServiceLinks"] is False


def test_the_ports_agree(objects: Objects, container: Any) -> None:
    [port] = container["ports"]
    assert port["containerPort"] == Settings.model_fields["port"].default
    assert re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == [
        str(port["containerPort"])
    ]
    [served] = objects["Service"]["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]


def test_a_stop_has_the_time_it_needs(pod: Any, container: Any) -> None:
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert container["args"][:3] == ["eventide-notify", "serve", "--drain"]
    assert pod["terminationGracePeriodSeconds"] >= pause + int(container["args"][3]) + GRACE + 5


def test_the_probes_ask_what_they_should(container: Any) -> None:
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz?accept=degraded"}
    assert container["readinessProbe"]["timeoutSeconds"] > 3  # it answers within three
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 3600  # the database may be migrated


def test_everything_means_these_pods(objects: Objects) -> None:
    spec = objects["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert labels
    assert spec["selector"]["matchLabels"] == labels
    assert objects["Service"]["spec"]["selector"] == labels
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    for constraint in spec["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", objects["Deployment"]["metadata"]["name"])
    sources = [next(iter(source.values()))["name"] for source in spec["template"]["spec"]["containers"][0]["envFrom"]]
    assert sources == [objects[kind]["metadata"]["name"] for kind in ("ConfigMap", "Secret")]


def test_it_may_do_nothing_that_it_need_not(pod: Any, container: Any) -> None:
    user = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [str(pod["securityContext"]["runAsUser"])] == user
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_pods_end_one_at_a_time(objects: Objects) -> None:
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"] >= 2
    assert "replicas" not in objects["Deployment"]["spec"]  # or each change would set aside what the autoscaler did


def test_what_is_public_is_what_is_for_everybody(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTIDE_JWT_SECRET", "x" * 32)
    [rule] = objects["Ingress"]["spec"]["rules"]
    rules = [(path["path"], path["pathType"]) for path in rule["http"]["paths"]]

    def is_public(address: str) -> bool:
        return any(
            address == path or (kind == "Prefix" and address.startswith(path.rstrip("/") + "/")) for path, kind in rules
        )

    app = create_app(load_settings())
    addresses = {route.path for route in app._parts.routes if isinstance(route, Route)} | {"/socket.io/"}
    assert {address for address in addresses if not is_public(address)} == OPERATORS


def test_images_and_hosts_are_examples(objects: Objects, container: Any) -> None:
    assert container["image"].startswith("registry.example.com/")
    [rule] = objects["Ingress"]["spec"]["rules"]
    assert rule["host"].endswith(".example.com")
