"""What needs no browser: that copies are alike, and that locks say what, not from where."""

from __future__ import annotations

import json

import pytest

from .building import EXAMPLES

COPIES = {
    "styles": ("angular/src/styles.css", "react/src/styles.css", "vue/src/styles.css", "plain/styles.css"),
    "types": ("angular/src/app/eventide.ts", "react/src/eventide.ts"),
    "icons": (*(f"{name}/public/favicon.svg" for name in ("angular", "react", "vue")), "plain/favicon.svg"),
    "config": (*(f"{name}/public/config.json" for name in ("angular", "react", "vue")), "plain/config.json"),
}
"""Each example stands alone, so that it can be copied: what they have in common, each has."""


@pytest.mark.parametrize("paths", COPIES.values(), ids=COPIES)
def test_what_the_examples_have_in_common_is_alike(paths: tuple[str, ...]) -> None:
    assert len({(EXAMPLES / path).read_text() for path in paths}) == 1


def test_a_lock_has_no_addresses() -> None:
    locks = list(EXAMPLES.glob("*/package-lock.json"))
    assert locks
    for lock in locks:
        packages = json.loads(lock.read_text())["packages"]
        assert all(package["integrity"] for path, package in packages.items() if path)
        assert [path for path, package in packages.items() if "resolved" in package] == []
