"""What a test needs and this machine may lack: a reason to skip here, and a failure where all must be tested."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test; fail it instead where EVENTIDE_TEST_REQUIRE=all."""
    if os.environ.get("EVENTIDE_TEST_REQUIRE") == "all":
        pytest.fail(f"EVENTIDE_TEST_REQUIRE=all, but {what}", pytrace=False)
    pytest.skip(what)
