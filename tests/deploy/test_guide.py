"""`docs/deployment.md` and `docs/operations.md` name what there is."""

from __future__ import annotations

import re
from pathlib import Path

from eventide_notify import errors
from eventide_notify.realtime.engine.transport import BACKLOG_BYTES, BACKLOG_PACKETS, CONNECT_TIMEOUT
from eventide_notify.server import GRACE

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "deployment.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()


def codes(kind: type[errors.EventideError] = errors.EventideError) -> set[str]:
    return {kind.code}.union(*map(codes, kind.__subclasses__()))


def test_every_error_code_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)`(?:, `\w+`)* \|", OPERATIONS, re.MULTILINE)
    assert codes() <= set(rows)


def test_the_figures_are_those_of_the_code() -> None:
    for figure in (
        f"{BACKLOG_PACKETS:,} packets or {BACKLOG_BYTES // 2**20} MiB",
        f"joins no namespace | {CONNECT_TIMEOUT:g} s",
        f"then {GRACE} s for open requests",
    ):
        assert figure in GUIDE
