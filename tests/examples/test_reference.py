"""docs/frontends.md says of the bell what the bell is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eventide_notify.rest.pages import static_directory

from .building import EXAMPLES

FACE = (static_directory() / "eventide-bell.js").read_text()
SOURCE = "".join(path.read_text() for path in sorted((static_directory() / "bell").glob("*.js")))
REFERENCE = (Path(__file__).parents[2] / "docs" / "frontends.md").read_text()
CENTRE = (static_directory() / "inbox.css").read_text()


def names(pattern: str, text: str = SOURCE) -> set[str]:
    """What the pattern's group finds, word by word."""
    return {word for found in re.findall(pattern, text) for word in re.findall(r"[\w-]+", found)}


THINGS = {
    "attributes": names(r"static observedAttributes = \[(.*)\]")
    | names(r'(?:get|has)Attribute\("(?!aria-|data-)([\w-]+)"'),
    "custom properties": names(r"var\((--eventide-[\w-]+)"),
    "parts": names(r'\bpart: "([^"]+)"') | names(r'\.part\.(?:add|toggle)\("([\w-]+)"'),
    "exports": names(r"(?m)^export \{(.*)\} from", FACE),
    "events": names(r'this\.#emit\("(\w+)"'),
}


@pytest.mark.parametrize("kind", THINGS)
def test_the_reference_has_all_of_it(kind: str) -> None:
    assert len(THINGS[kind]) > 3, "not found in the source any more"
    assert {name for name in THINGS[kind] if not re.search(rf"`{name}[`({{]", REFERENCE)} == set()


def test_the_reference_has_nothing_else() -> None:
    known = THINGS["custom properties"] | names(r"var\((--eventide-[\w-]+)", CENTRE)
    assert names(r"(--eventide-[\w-]+)", REFERENCE) == known


@pytest.mark.parametrize("component", ["react/src/EventideBell.tsx", "vue/src/EventideBell.vue"])
def test_the_reference_shows_the_components_as_they_are(component: str) -> None:
    path = EXAMPLES / component
    assert f"```{path.suffix[1:]}\n{path.read_text()}```" in REFERENCE


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[.+\]\((\S+?)\)", REFERENCE)
    assert pictures
    for picture in pictures:
        assert (Path(__file__).parents[2] / "docs" / picture).stat().st_size < 150_000
