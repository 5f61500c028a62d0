"""How much one command to MongoDB may hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BATCH = 10_000
"""How many ids, and other small documents, come at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one command may hold."""

    documents: int = BATCH
    bytes: int = 8 * 1024 * 1024

    @classmethod
    def of(cls, hello: Mapping[str, Any]) -> Limits:
        """Those of the server that introduces itself, where they are narrower."""
        usual = cls()
        size = min(hello.get("maxBsonObjectSize", 2 * usual.bytes), hello.get("maxMessageSizeBytes", 2 * usual.bytes))
        return cls(min(usual.documents, hello.get("maxWriteBatchSize", usual.documents)), size // 2)

    def parts(self, keys: Iterable[str], *, most: int = BATCH) -> Iterator[list[str]]:
        """All of them, in order, as many at once as one command may name, and `most`.

        In order, because two who write the same in different orders can wait for each other for ever.
        """
        part: list[str] = []
        left = self.bytes
        for key in sorted(set(keys)):
            size = len(key.encode()) + 16  # an element of an array has a type, a number and a length beside
            if part and (size > left or len(part) >= min(self.documents, most)):
                yield part
                part, left = [], self.bytes
            part.append(key)
            left -= size
        if part:
            yield part
