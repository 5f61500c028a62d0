"""What there is to see of the service: `docs/metrics.md` and the registry name the same."""

from __future__ import annotations

import re
from pathlib import Path

from eventide_notify.metrics import Metrics

DOCUMENT = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \| ", re.MULTILINE)
SUFFIX = {"counter": "_total", "info": "_info"}


def figures() -> dict[str, str]:
    """The names and types of all there is."""
    kinds = {"info": "gauge"}
    return {
        f"{family.name}{SUFFIX.get(family.type, '')}": kinds.get(family.type, family.type)
        for family in Metrics().registry.collect()
    }


def test_every_figure_is_explained_and_no_other() -> None:
    assert {name: kind for name, _, kind in ROW.findall(DOCUMENT)} == figures()
