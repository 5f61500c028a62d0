"""What the operators' page makes of the answers of instances, in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ..require import missing

HERE = Path(__file__).parent


def test_what_is_wrong_and_since_when() -> None:
    if shutil.which("node") is None:
        missing("node is not on PATH")
    files = sorted(map(str, HERE.glob("*.test.mjs")))
    command = ["node", "--no-warnings", "--test", "--test-reporter=spec", *files]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
