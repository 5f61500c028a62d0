"""What is fetched with Maven, by a `pom.xml` in this repository: into `target/lib` beside it."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path


class MavenError(RuntimeError):
    """It could not be fetched; the message has what Maven said."""


def problem() -> str | None:
    """What stands in the way of fetching and running it here; None if nothing does."""
    lacking = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"{' and '.join(lacking)}: not on PATH" if lacking else None


def libraries(folder: Path) -> Path:
    """The folder of the jars that `folder/pom.xml` names, fetched first if need be, which takes up to a minute.

    Safe to call from several processes at once: one of them fetches. Raises `MavenError`.
    """
    project, fetched = folder / "pom.xml", folder / "target" / "lib"
    done = folder / "target" / ".fetched"
    with project.open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < project.stat().st_mtime:
            shutil.rmtree(fetched, ignore_errors=True)
            command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", "dependency:copy-dependencies"]
            maven = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if maven.returncode:
                raise MavenError(f"Maven could not fetch what {folder} needs: {maven.stdout.strip()}")
            done.touch()
    return fetched
