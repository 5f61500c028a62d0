"""The bell's model and how tabs elect the one that connects, in Node with a clock of its own; and its npm package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import eventide_notify

from ..require import missing

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "static"
CLOCK = (20, 4)
"""The first Node whose test runner can stop the clock."""


def test_the_bells_model() -> None:
    node = shutil.which("node")
    if node is None:
        missing("node is not on PATH")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.findall(r"\d+", said))) < CLOCK:
        missing(f"node is {said.strip()}, older than {'.'.join(map(str, CLOCK))}")
    files = sorted(map(str, HERE.glob("*.test.mjs")))
    run = subprocess.run(
        [node, "--no-warnings", "--test", "--test-reporter=spec", *files],
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
    modules = {path.relative_to(STATIC).as_posix() for path in (STATIC / "bell").iterdir()}
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
