"""The `Dockerfile` is linted, and its steps are run in a folder that stands for the image. (Here is no Docker.)"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ..service import SECRET

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
UNLIKE = ("useradd",)
"""Of the steps: it would change this machine."""
QUEUES = (
    "amqp://127.0.0.1:1/?queue=a,kafka://127.0.0.1:1?topic=a,nats://127.0.0.1:1?stream=A&subject=a,"
    "redis://127.0.0.1:1?stream=a"
)
"""One of each broker, which are away; without its driver the service would not start."""


@dataclass
class Stage:
    """One image: a folder that stands for its `/`, and what its steps have set."""

    root: Path
    environment: dict[str, str]
    folder: str = "/"
    steps: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        return self.root / (path if path.startswith("/") else f"{self.folder}/{path}").lstrip("/")


def instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def test_it_is_linted() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


class Build:
    """Runs the steps. Paths in them that are absolute are in the stage's folder; `python` and `pip` are a virtual
    environment there, as they are in the image."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = [Path(name) for name in _checked_in() if not _is_ignored(name)]
        self.stages: dict[str, Stage] = {}
        self.last: dict[str, str] = {}
        """What is no step, but said of the last stage: `USER`, `CMD` and the like."""

    def run(self) -> Stage:
        stage: Stage | None = None
        for name, rest in instructions():
            if name == "FROM":
                image, _, alias = rest.partition(" AS ")
                assert image == "python:${PYTHON}-slim"
                stage = self.stages[alias or "last"] = self._stage(alias or "last")
                self.last = {}
            elif stage is not None:
                self._step(stage, name, rest)
        assert stage is not None
        return stage

    def _stage(self, name: str) -> Stage:
        root = self._folder / name
        subprocess.run([sys.executable, "-m", "venv", root / "usr" / "local"], check=True)
        kept = {key: os.environ[key] for key in os.environ if key.startswith(("PIP_", "npm_", "NPM_", "SSL_"))}
        system = f"{root / 'usr' / 'local' / 'bin'}:/usr/bin:/bin"
        return Stage(root, {**kept, "PATH": system, "HOME": str(self._folder)})

    def _step(self, stage: Stage, name: str, rest: str) -> None:
        match name:
            case "ENV":
                for key, value in (pair.split("=", 1) for pair in shlex.split(rest)):
                    given = value.replace("$PATH", stage.environment["PATH"])
                    if key == "PIP_NO_CACHE_DIR":
                        continue  # an image need not keep what was downloaded; here it saves a minute
                    stage.environment[key] = re.sub(r"/opt/eventide", str(stage.inside("/opt/eventide")), given)
            case "WORKDIR":
                stage.folder = rest
                stage.inside(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(stage, rest)
            case "RUN":
                self._run(stage, rest)
            case _:
                assert name in {"VOLUME", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}, name
                self.last[name] = rest

    def _copy(self, stage: Stage, rest: str) -> None:
        if rest.startswith("--from="):
            origin, source, target = rest.removeprefix("--from=").split()
            there = self.stages[origin]
            shutil.copytree(there.inside(source), stage.inside(target), symlinks=True)
            _move_programs(stage.inside(target) / "bin", there.root, stage.root)
            return
        source, target = rest.split()
        for file in self._files:
            if source == "." or file.as_posix().startswith(source):
                to = stage.inside(target) / file.relative_to(source if source != "." else ".")
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, to)

    def _run(self, stage: Stage, command: str) -> None:
        for part in command.split(" && "):
            words = part.strip()
            if words.startswith(UNLIKE):
                continue
            words = re.sub(r"--owner=\S+ --group=\S+ ", "", words)
            here = re.sub(r"(?<![\w.])/(opt|data)\b", rf"{stage.root}/\1", words)
            done = subprocess.run(
                ["/bin/sh", "-c", here],
                cwd=stage.inside("."), env=stage.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}"
            stage.steps.append(words)


def _checked_in() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def _is_ignored(name: str) -> bool:
    """Whether `.dockerignore` keeps it out."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().lstrip("!").rstrip("/").removeprefix("**/")
        if pattern and not pattern.startswith("#"):
            parts = [name, *map(str, Path(name).parents)]
            if any(fnmatch(part, pattern) or fnmatch(Path(part).name, pattern) for part in parts):
                ignored = not line.startswith("!")
    return ignored


def _move_programs(folder: Path, before: Path, after: Path) -> None:
    """A virtual environment names its own place, which is the same in both images, and here is not."""
    for program in folder.iterdir():
        if program.is_file() and not program.is_symlink():
            text = program.read_bytes()
            if text.startswith(b"#!"):
                program.write_bytes(text.replace(str(before).encode(), str(after).encode()))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    build = Build(tmp_path_factory.mktemp("image"))
    build.run()
    return build


def test_every_step_can_be_run(build: Build) -> None:
    assert {*build.stages} == {"build", "last"}
    assert [step.partition(" ")[0] for step in build.stages["build"].steps] == [
        "python", "/opt/eventide/bin/pip", "pip", "pip", "/opt/eventide/bin/pip",
    ]  # fmt: skip
    assert not (build.stages["last"].root / "src").exists()  # what built it is not in it


def test_what_was_built_serves(build: Build) -> None:
    image = build.stages["last"]
    command = json.loads(build.last["CMD"])
    assert command == ["eventide-notify", "serve"]
    check = json.loads(build.last["HEALTHCHECK"].partition("CMD ")[2])
    environment = {**image.environment, "EVENTIDE_JWT_SECRET": SECRET, "EVENTIDE_PORT": "0", "EVENTIDE_QUEUES": QUEUES}
    with subprocess.Popen(
        [shutil.which(command[0], path=environment["PATH"]) or "", *command[1:]],
        cwd=image.inside("."), env=environment, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            port = said.rstrip().rpartition(":")[2]
            python = shutil.which(check[0], path=environment["PATH"])
            healthy = subprocess.run(
                [python or "", *check[1:]], env={**environment, "EVENTIDE_PORT": port}, check=False
            )
            assert healthy.returncode == 0
            assert image.inside("/data/eventide.db").is_file()
            pages = [*image.inside("/opt/eventide").rglob("_static/vendor/socket.io.min.js")]
            assert len(pages) == 1  # the browser client was fetched by the build
        finally:
            process.terminate()
            process.wait(20)
