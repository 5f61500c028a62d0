"""The wheel says what it consists of: a CycloneDX document, made of the locks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import hatch_build
from eventide_notify import __version__

HERE = Path(hatch_build.__file__).parent
ROOT = f"pkg:pypi/eventide-notify@{__version__}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """A wheel of this checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=HERE, check=True, capture_output=True, timeout=300)
    [path] = directory.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def sbom(wheel: zipfile.ZipFile) -> Any:
    return json.loads(wheel.read(f"eventide_notify-{__version__}.dist-info/sboms/eventide-notify.cdx.json"))


def test_it_is_listed_with_the_other_files(wheel: zipfile.ZipFile) -> None:
    record = wheel.read(f"eventide_notify-{__version__}.dist-info/RECORD").decode()
    assert ".dist-info/sboms/eventide-notify.cdx.json,sha256=" in record


def test_it_is_valid(sbom: Any) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom)) is None


def test_every_locked_requirement_is_in_it(sbom: Any) -> None:
    locked = re.findall(r"^([\w.-]+)==(\S+)", hatch_build.REQUIREMENTS.read_text(), re.MULTILINE)
    python = [part for part in sbom["components"] if part["purl"].startswith("pkg:pypi/")]
    assert [(part["name"], part["version"]) for part in python] == locked
    assert all(part["hashes"] for part in sbom["components"])
    uvloop = next(part for part in python if part["name"] == "uvloop")
    assert uvloop["properties"] == [{"name": "python:marker", "value": "sys_platform != 'win32'"}]


def test_it_says_who_needs_whom(sbom: Any) -> None:
    needs = {entry["ref"].rpartition("@")[0]: entry["dependsOn"] for entry in sbom["dependencies"]}
    known = {ROOT} | {part["bom-ref"] for part in sbom["components"]}
    assert {ref for refs in needs.values() for ref in refs} <= known
    reached, waiting = set[str](), {ROOT}
    while waiting:
        reached |= waiting
        waiting = {ref for one in waiting for ref in needs.get(one.rpartition("@")[0], [])} - reached
    assert reached == known, "something is there that nobody needs"
    assert any(ref.startswith("pkg:pypi/python-socketio@") for ref in needs["pkg:pypi/eventide-notify"])
    assert [ref.partition("@")[0] for ref in needs["pkg:pypi/motor"]] == ["pkg:pypi/pymongo"]


def test_so_is_what_browsers_load(sbom: Any, wheel: zipfile.ZipFile) -> None:
    scripts = {part["name"]: part for part in sbom["components"] if part["purl"].startswith("pkg:npm/")}
    shipped = "eventide_notify/_static/vendor/socket.io.min.js" in wheel.namelist()
    assert {"socket.io-client", "engine.io-client", "@socket.io/component-emitter"} <= {*scripts} or not shipped
    assert "ws" not in scripts
    if shipped:
        version = json.loads(hatch_build.INTEGRITY.read_text())["version"]
        assert scripts["socket.io-client"]["purl"] == f"pkg:npm/socket.io-client@{version}"


def test_a_second_build_makes_the_same(sbom: Any) -> None:
    assert hatch_build._sbom(__version__) == sbom
