"""Calls from one instance to all: orders, which each carries out, and questions, which each answers.

They travel in envelopes like everything else, and may be lost like everything else: what has to happen whatever becomes
of Redis is in the store, too.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

ANSWER_WITHIN = 1.0
"""Seconds that instances have to answer."""
CALLS = {"order", "question", "answer"}
"""The kinds of envelopes that are calls."""

Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Is given the arguments; what it returns is the answer, as JSON."""
Publish = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Asked:
    answers: dict[str, Any] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Calls:
    """The calls of one instance, and its answers to those of others."""

    def __init__(self, instance: str, publish: Publish, others: Callable[[], Collection[str]]) -> None:
        self.instance = instance
        self._publish = publish
        self._others = others
        self._handlers: dict[str, Handler] = {}
        self._asked: dict[str, _Asked] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, name: str, handler: Handler) -> None:
        """From now on this is what is done for orders, or how questions are answered, of this name."""
        self._handlers[name] = handler

    @property
    def is_first(self) -> bool:
        """Whether this instance is the first of those that hear one another: for what only one of them has to do.

        While they do not hear one another several take themselves for the first.
        """
        return all(self.instance < other for other in self._others())

    async def order(self, name: str, **arguments: Any) -> None:
        """Have every instance do it. Returns when it is done here, and on its way to the others."""
        await self._publish({"kind": "order", "stored": False, "name": name, "arguments": arguments})

    async def ask(self, name: str, *, within: float = ANSWER_WITHIN, **arguments: Any) -> dict[str, Any]:
        """What the instances answer, by their ids: this one's own answer, and those that come in time.

        Returns at once when all have answered that were heard lately.
        """
        number = uuid.uuid4().hex
        asked = self._asked[number] = _Asked()
        question = {"kind": "question", "name": name, "arguments": arguments, "number": number, "from": self.instance}
        try:
            async with asyncio.timeout(within):
                await self._publish({**question, "stored": False})
                while not asked.answers.keys() >= {self.instance, *self._others()}:
                    asked.came.clear()
                    await asked.came.wait()
        except TimeoutError:
            pass
        finally:
            del self._asked[number]
        return asked.answers

    async def opened(self, envelope: Mapping[str, Any]) -> None:
        """A call has come; orders are carried out before what comes next is opened."""
        kind = envelope["kind"]
        if kind == "order":
            await self._handled(envelope)
        elif kind == "question":
            self._start(self._answer(envelope))
        elif envelope["to"] == self.instance:
            self._answered(envelope["number"], envelope["instance"], envelope["answer"])

    async def close(self) -> None:
        """End what is still being answered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _handled(self, call: Mapping[str, Any]) -> Any:
        handler = self._handlers.get(call["name"])
        if handler is None:
            logger.warning("another version of this service on the channel has a call %r", call["name"])
            return None
        return await handler(call["arguments"])

    async def _answer(self, question: Mapping[str, Any]) -> None:
        answer = await self._handled(question)
        number, asker = question["number"], question["from"]
        if asker == self.instance:
            self._answered(number, self.instance, answer)
        else:
            told = {"kind": "answer", "to": asker, "number": number, "instance": self.instance, "answer": answer}
            await self._publish({**told, "stored": False})

    def _answered(self, number: str, instance: str, answer: Any) -> None:
        asked = self._asked.get(number)
        if asked is not None:
            asked.answers[instance] = answer
            asked.came.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="answer to another instance")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a question could not be answered", exc_info=error)
