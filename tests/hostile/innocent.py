"""A client that means no harm, and measures how long it has to wait while others do."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from ..service import Service
from ..waiting import until
from .frames import NAMESPACE, Opcode, WebSocket, text, websocket
from .peer import Ended, bearer, connected, request
from .watch import processor_time

ASK_EVERY = 0.02
VISIT_EVERY = 0.1
"""Seconds between two events on the open session, and between two requests on connections of their own. A request is
sent when its time has come, whether others are answered or not: a service that stands still makes many wait, not one.
An event is sent when the one before is answered, for a session has its events handled one after the other; those that
would have been sent meanwhile are counted as if they had been, and had been answered with it."""
PATIENCE = 30.0
"""Seconds after which an answer does not count any more."""
PROMPT = 0.5
"""Seconds for which the service has computed when 95 of 100 answers have come. As a rule it is some milliseconds; where
one client keeps the service to itself, it is as long as that client goes on. (By the clock it is also as long as the
machine did something else, or stood still.)"""
_ANSWER = f"43{NAMESPACE},".encode()


class Innocent:
    """`waits` has, in seconds, how long each answer took; `turns` for how long of that the service has computed;
    `failures` what got no answer."""

    def __init__(self, url: str, token: str, socket: WebSocket, computed: Callable[[], float]) -> None:
        self._url = url
        self._token = token
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._computed = computed
        self._asked: dict[int, tuple[float, float]] = {}
        self._answered = asyncio.Event()
        self._asking = True
        self._open = True
        self.waits: list[float] = []
        self.turns: list[float] = []
        self.failures: list[str] = []

    def within(self, share: float) -> float:
        """Seconds in which this share of the answers came."""
        return _part(self.waits, share)

    def turns_within(self, share: float) -> float:
        """Seconds for which the service had computed when this share of the answers came."""
        return _part(self.turns, share)

    @property
    def worst(self) -> float:
        return self.within(1)

    def assert_served(self) -> None:
        assert self.failures == []
        assert self.waits
        told = f"p95 {self.within(0.95):.3f} s, max {self.worst:.3f} s; computed p95 {self.turns_within(0.95):.3f} s"
        assert self.turns_within(0.95) < PROMPT, told

    async def run(self) -> None:
        """Ask and visit until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for each in (self._listen(), self._ask(), self._visits(tasks)):
                tasks.create_task(each)

    async def finish(self) -> None:
        """Ask no more, and wait for what is still to come."""
        self._asking = False
        with suppress(AssertionError):
            await until(lambda: not (self._asked and self._open), within=PATIENCE)
        self.failures += ["no answer" for _ in self._asked]

    async def _ask(self) -> None:
        number = 0
        while self._asking:
            number += 1
            self._answered.clear()
            self._asked[number] = self._loop.time(), self._computed()
            if not await self._socket.write(text(f'42{NAMESPACE},{number}["get_unread_count"]')):
                return  # `_listen` notices, too
            await asyncio.gather(self._answered.wait(), asyncio.sleep(ASK_EVERY))

    async def _listen(self) -> None:
        with suppress(TimeoutError):
            while True:
                try:
                    frame = await self._socket.next(within=PATIENCE)
                except Ended:
                    self._open = False
                    self.failures.append("the session was closed")
                    return
                if frame.payload == b"2":
                    await self._socket.write(text("3"))
                elif frame.opcode == Opcode.TEXT and frame.payload.startswith(_ANSWER):
                    number = int(frame.payload[len(_ANSWER) : frame.payload.index(b"[")])
                    began, computed = self._asked.pop(number)
                    wait, turn = self._loop.time() - began, self._computed() - computed
                    missed = [ASK_EVERY * number for number in range(int(wait / ASK_EVERY) + 1)]
                    self.waits += [wait - late for late in missed]
                    self.turns += [turn * (1 - late / max(wait, ASK_EVERY)) for late in missed]
                    self._answered.set()

    async def _visits(self, tasks: asyncio.TaskGroup) -> None:
        number, due = 0, self._loop.time()
        while self._asking:
            await asyncio.sleep(due - self._loop.time())
            number, due = number - 1, due + VISIT_EVERY
            tasks.create_task(self._visit(number))

    async def _visit(self, number: int) -> None:
        self._asked[number] = began, computed = self._loop.time(), self._computed()
        try:
            async with asyncio.timeout(PATIENCE), connected(self._url) as peer:
                asked = request("/v1/notifications/unread-count", headers=[bearer(self._token)])
                answer = await peer.exchange(asked, within=PATIENCE)
            assert answer.status == 200, answer
            self.waits.append(self._loop.time() - began)
            self.turns.append(self._computed() - computed)
        except (OSError, AssertionError) as error:
            self.failures.append(f"a new connection: {error!r}")
        del self._asked[number]


@asynccontextmanager
async def innocent(service: Service, user: str = "innocent") -> AsyncIterator[Innocent]:
    """A client with an open session that asks all the time, until the end of the block."""
    token = service.token(user)
    async with websocket(service.base_url, token) as socket:
        client = Innocent(service.base_url, token, socket, lambda: processor_time(service.pid))
        running = asyncio.create_task(client.run())
        try:
            yield client
            await client.finish()
        finally:
            running.cancel()
            await _ended(running)


def _part(values: list[float], share: float) -> float:
    found = sorted(values)
    return found[min(len(found), math.ceil(share * len(found))) - 1] if found else math.inf


async def _ended(task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        await task


async def while_asking(service: Service, attack: Coroutine[Any, Any, Any]) -> Innocent:
    """An innocent client, that asked from before the attack's beginning until after its end."""
    async with innocent(service) as client:
        await until(lambda: client.waits)
        await attack
    return client
