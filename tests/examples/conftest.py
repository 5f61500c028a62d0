"""The example front ends, built by their own tools, in a real browser, against the real service on another origin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from .. import parallel
from ..browser.conftest import chromium, device, open_device  # noqa: F401 - fixtures
from .building import EXAMPLES, build, environment
from .stage import Stage

BUILT = ("angular", "react", "vue")
OpenStage = Callable[[str], Awaitable[Stage]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As in `tests/browser`: one event loop for all, for it is the browser's."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def toolchain() -> dict[str, str]:
    """The environment in which the examples are built."""
    return environment()


@pytest.fixture(scope="session")
def built(
    toolchain: dict[str, str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Path]:
    """Builds an example, once for all test processes; the folder with its files."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if parallel.is_worker(request.config) else own) / "built"

    def built(example: str) -> Path:
        build(example, folder / example, toolchain)
        return folder / example

    return built


@pytest.fixture(params=["angular", "react", "plain"])
def example(request: pytest.FixtureRequest) -> str:
    """Each that has both pages."""
    return str(request.param)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stages(request: pytest.FixtureRequest) -> AsyncIterator[OpenStage]:
    """Puts an example in front of a demo of its own, once; what needs no building is served as it is."""
    open_ones: dict[str, Stage] = {}
    async with AsyncExitStack() as stack:

        async def open_stage(example: str) -> Stage:
            if example not in open_ones:
                folder = request.getfixturevalue("built")(example) if example in BUILT else EXAMPLES / example
                open_ones[example] = await stack.enter_async_context(Stage.set(folder))
            return open_ones[example]

        yield open_stage


@pytest_asyncio.fixture(loop_scope="session")
async def stage(stages: OpenStage, example: str) -> AsyncIterator[Stage]:
    """The example, and its demo, in which nobody has a notification."""
    stage = await stages(example)
    yield stage
    stage.clear()
