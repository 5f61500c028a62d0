"""The examples as their own tools build them: `npm ci`, `npm run build`, with a Node that is new enough."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..require import missing

EXAMPLES = Path(__file__).parents[2] / "examples"
TOOLCHAIN = Path(__file__).parent / "toolchain"
NEW_ENOUGH = (22, 22, 3)
"""The least Node that all examples work with."""


def environment() -> dict[str, str]:
    """Where `npm` and a Node that is new enough are on PATH; skips the test if they cannot be had."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            missing(f"{program} is not on PATH")
    # CI: Angular's command line asks nothing, and says nothing to anybody.
    env = {**os.environ, "CI": "true", "NG_CLI_ANALYTICS": "false"}
    if node_version(env) < NEW_ENOUGH:
        install(TOOLCHAIN, env)
        env["PATH"] = f"{TOOLCHAIN / 'node_modules' / '.bin'}{os.pathsep}{env['PATH']}"
    return env


def node_version(env: Mapping[str, str]) -> tuple[int, ...]:
    node = subprocess.run(["node", "--version"], env=env, capture_output=True, text=True, check=True)
    return tuple(map(int, re.findall(r"\d+", node.stdout)))


def build(example: str, target: Path, env: Mapping[str, str]) -> None:
    """Install what its lock says, build it, and put a copy of what comes out at `target`, unless there is one."""
    folder = EXAMPLES / example
    install(folder, env)
    with alone_in(folder):
        if not target.exists():
            run(folder, ["npm", "run", "build"], env)
            shutil.copytree(folder / "dist", target)


def install(folder: Path, env: Mapping[str, str]) -> None:
    """What the folder's lock says, unless it is there already."""
    with alone_in(folder):
        lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            run(folder, ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], env)


def run(folder: Path, command: list[str], env: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} in {folder.name}:\n{done.stdout}\n{done.stderr}"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Other test runs of this checkout wait meanwhile."""
    with (folder / "package-lock.json").open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        yield
