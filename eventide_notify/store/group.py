"""What arrives together is written together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ..context import nobodys
from ..errors import Refused

T = TypeVar("T")
R = TypeVar("R")

Sizes = Callable[[int], None]
"""Is told how many writes share a transaction, or a command."""


def untold(size: int) -> None:
    """`Sizes` that nobody wants."""


class Group(Generic[T, R]):
    """Does together what comes while something is being done. Who comes when nothing is waits for nobody.

    `work` gets some of what has come, in order, and returns a result for each. What it raises all of them get, unless
    `may_be_of_one` says that the error may be about one among them, as a `Refused` may: then each is tried by itself,
    so that it fails alone. `weigh` says how large something is; together they weigh `most`, but for one that weighs
    more by itself. `touches` says what something is about, and what it does to that: what does different things to the
    same is not done together, but one after the other.

    What has come is done, also when its caller does not wait for it any more.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        weigh: Callable[[T], int],
        most: int,
        touches: Callable[[T], Mapping[Any, object]] = lambda _: {},
        may_be_of_one: Callable[[Exception], bool] = lambda error: isinstance(error, Refused),
        sizes: Sizes = untold,
    ) -> None:
        self._work = work
        self._weigh = weigh
        self._most = most
        self._touches = touches
        self._may_be_of_one = may_be_of_one
        self._sizes = sizes
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """What has come of it."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="group", context=nobodys())
        return await future

    async def settle(self) -> None:
        """Wait for all that has come."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                some = self._take()
                self._sizes(len(some))
                await self._do_some(some)
        finally:
            self._task = None

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        some: list[tuple[T, asyncio.Future[R]]] = []
        later: list[tuple[T, asyncio.Future[R]]] = []
        touched: dict[Any, object] = {}
        weight = 0
        while self._waiting:
            item, _ = self._waiting[0]
            touches = self._touches(item)
            if not all(touched.setdefault(what, does) == does for what, does in touches.items()):
                touched |= dict.fromkeys(touches)  # and nobody comes before it
                later.append(self._waiting.popleft())
                continue
            weight += self._weigh(item)
            if some and weight > self._most:
                break
            some.append(self._waiting.popleft())
        self._waiting.extendleft(reversed(later))
        return some

    async def _do_some(self, some: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in some])
        except Exception as error:
            if len(some) > 1 and self._may_be_of_one(error):
                for one in some:
                    await self._do_some([one])
                return
            for _, future in some:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), result in zip(some, results, strict=True):
                if not future.done():
                    future.set_result(result)
