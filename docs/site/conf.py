"""The documents as a site: `make docs`. Sphinx reads them where they are, so that their links are right in both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import eventide_notify

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]

project = "Eventide Notify"
version = release = eventide_notify.__version__
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/*.md", "bench/*.md", "examples/*/*.md"]
root_doc = "README"

html_theme = "furo"  # whose pages load nothing from anywhere else
html_title = f"{project} {version}"
html_show_copyright = html_show_sphinx = False
html_copy_source = False

# Every link to a heading is checked, by the names that headings have on the pages of code hosts.
myst_heading_anchors = 4
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # an … in an example


def contents() -> str:
    """What stands in the margin: all documents, in this order; those that it does not name come last."""
    order = [
        "frontends",
        "producers",
        "deployment",
        "operations",
        "metrics",
        "data",
        "security",
        "performance",
        "proof",
        "architecture",
    ]
    there = {path.stem for path in (ROOT / "docs").glob("*.md")}
    names = [name for name in order if name in there] + sorted(there - set(order))
    examples = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("examples/*/*.md"))
    entries = [
        *(f"docs/{name}" for name in names),
        *examples,
        "bench/README",
        "bench/results",
        "CONTRIBUTING",
        "CHANGELOG",
    ]
    entries += [name for name in ("SECURITY",) if (ROOT / f"{name}.md").exists()]
    return "\n".join(["```{toctree}", ":hidden:", "", *entries, "```"])


def _with_contents(app: Sphinx, name: str, source: list[str]) -> None:
    if name == root_doc:
        source[0] += f"\n\n{contents()}\n"


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", _with_contents)
