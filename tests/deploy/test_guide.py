"""`docs/deployment.md` names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from eventide_notify import errors
from eventide_notify.realtime.engine.transport import BACKLOG_BYTES, BACKLOG_PACKETS, CONNECT_TIMEOUT
from eventide_notify.server import GRACE

GUIDE = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()


def codes(kind: type[errors.EventideError] = errors.EventideError) -> set[str]:
    return {kind.code}.union(*map(codes, kind.__subclasses__()))


def test_every_error_code_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)`(?:, `\w+`)* \|", GUIDE, re.MULTILINE)
    assert codes() <= set(rows)


def test_the_figures_are_those_of_the_code() -> None:
    for figure in (
        f"{BACKLOG_PACKETS:,} packets or {BACKLOG_BYTES // 2**20} MiB",
        f"joins no namespace | {CONNECT_TIMEOUT:g} s",
        f"then {GRACE} s for open requests",
    ):
        assert figure in GUIDE


def test_its_links_lead_somewhere() -> None:
    headings = {heading.lower() for heading in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)}
    anchors = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", GUIDE)) <= anchors
    for file in re.findall(r"\]\((\.\./[^)#]*)\)", GUIDE):
        assert (Path(__file__).parents[2] / "docs" / file).exists()
