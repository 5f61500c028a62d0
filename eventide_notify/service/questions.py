"""Questions to all instances, as the service sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol


class Questions(Protocol):
    """Asks all instances, this one too. See `channel.calls`."""

    instance: str
    """This instance's id."""

    def handle(self, name: str, handler: Callable[[Mapping[str, Any]], Awaitable[Any]]) -> None:
        """From now on this is how questions of this name are answered."""

    async def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What the instances answer that do so in time, by their ids."""
