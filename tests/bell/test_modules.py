"""The bell's model and how tabs elect the one that connects, in Node with a clock of its own; and its npm package."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

import eventide_notify
import hatch_build
from eventide_notify.rest.pages import PageRoutes

from ..examples.building import environment, node_version
from ..require import missing

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "static"
CLOCK = (20, 4)
"""The first Node whose test runner can stop the clock."""


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `static/` with the bundle as a build makes it."""
    static = tmp_path_factory.mktemp("build") / "static"
    shutil.copytree(STATIC, static, ignore=shutil.ignore_patterns("bundle"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hatch_build, "STATIC", static)
        patch.setattr(hatch_build, "BUNDLE", static / "bundle")
        assert not hatch_build._is_bundled()
        try:
            hatch_build._make_bundle()
        except (OSError, subprocess.SubprocessError) as error:
            missing(f"esbuild could not be had: {getattr(error, 'stderr', error)}")
        assert hatch_build._is_bundled()
        with (static / "bell" / "home.js").open("a") as module:
            module.write("// edited\n")
        assert not hatch_build._is_bundled()
    shutil.copy(STATIC / "bell" / "home.js", static / "bell")
    return static


async def test_a_build_makes_one_file_of_the_modules(static: Path) -> None:
    pages = httpx.ASGITransport(Starlette(routes=PageRoutes(static).routes()))
    client = httpx.AsyncClient(transport=pages, base_url="http://testserver")
    bundle = await client.get("/client/eventide-bell.js", headers={"Accept-Encoding": "br"})
    assert bundle.headers["content-encoding"] == "br"
    assert int(bundle.headers["content-length"]) < 27_000
    plain = (await client.get("/client/eventide-bell.js", headers={"Accept-Encoding": "identity"})).content
    [known] = (await client.get("/client/bundle/integrity.json")).json()["files"].values()
    assert known["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(plain).digest()).decode()
    assert plain.endswith(b"//# sourceMappingURL=eventide-bell.js.map\n")
    sources = (await client.get("/client/eventide-bell.js.map")).json()["sources"]
    assert {f"../{name}" for name in hatch_build._sources() if name.startswith("bell/")} <= {*sources}
    assert (await client.get("/client/bell/strings/de.js")).status_code == 200, "a language stays a file of its own"


def test_the_bells_model(static: Path) -> None:
    new_enough = shutil.which("node") and node_version(os.environ) >= CLOCK
    env = dict(os.environ) if new_enough else environment()
    bundle = (static / "bundle" / "eventide-bell.js").as_uri()
    files = sorted(map(str, HERE.glob("*.test.mjs")))
    run = subprocess.run(
        ["node", "--no-warnings", "--test", "--test-reporter=spec", *files],
        env={**env, "EVENTIDE_TEST_BUNDLE": bundle},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_npm_package_has_what_its_face_needs() -> None:
    npm = shutil.which("npm")
    if npm is None:
        missing("npm is not on PATH")
    described = json.loads((STATIC / "package.json").read_text())
    run = subprocess.run(
        [npm, "pack", "--dry-run", "--json", "--ignore-scripts", "--offline"],
        cwd=STATIC, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = json.loads(run.stdout)
    packed = printed[0] if isinstance(printed, list) else printed[described["name"]]
    names = {file["path"] for file in packed["files"]}
    modules = {path.relative_to(STATIC).as_posix() for path in (STATIC / "bell").rglob("*.*")}
    assert names == {"package.json", "eventide-bell.js", "eventide-bell.d.ts"} | modules
    face = described["exports"]["."]
    assert {face["default"].removeprefix("./"), face["types"].removeprefix("./")} <= names
    imported = set[Path]()
    for name in names:
        if name.endswith(".js"):
            found = re.findall(r'^(?:im|ex)port .*?"(\..*?)";$', (STATIC / name).read_text(), re.MULTILINE)
            imported |= {(STATIC / name).parent.joinpath(each).resolve() for each in found}
    assert imported <= {(STATIC / name).resolve() for name in names}
    assert len(imported) > len(modules) / 2
    assert described["version"] == eventide_notify.__version__
