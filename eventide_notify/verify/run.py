"""The scenario: connect, send while connections break, send some more in peace, settle, clean up."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from ..auth import TokenIssuer
from ..models import utc_now
from .http import FAULTS
from .ledger import Ledger
from .plan import Network, Outcome, Plan
from .proxy import Fault
from .rest import CannotVerify, Rest, SendFailed
from .user import User

Watch = Callable[[int, int], None]

CONNECT_WITHIN = 30.0
"""Seconds in which all clients must be connected at the start."""
RETRY_PAUSE = 0.5
"""Seconds between two attempts to send."""
CHECK_WITHIN = 2.0
"""Seconds that asking for receipts may prolong a drop."""
ROUND_PAUSE = 0.25
"""Seconds between two looks at whether all is done."""
TOKEN_TTL = 3600.0
"""Seconds, added to what the run itself may take."""
AT_ONCE = 8
"""Users that are asked about, or cleaned up after, at a time."""

_random = random.SystemRandom()


async def verify(plan: Plan, issuer: TokenIssuer, watch: Watch = lambda created, received: None) -> Outcome:
    """Carry out the plan; `watch` is called with how many are created and received. Raises `CannotVerify`."""
    return await _Run(plan, issuer, watch).carry_out()


class _Run:
    def __init__(self, plan: Plan, issuer: TokenIssuer, watch: Watch) -> None:
        self._plan = plan
        self._watch = watch
        self._name = f"verify-{secrets.token_hex(4)}"
        self._rest = Rest(plan.urls)
        self._ledger = Ledger()
        self._network = Network()
        self._tasks: list[asyncio.Task[None]] = []
        now, ttl = utc_now(), plan.seconds + 2 * plan.settle + TOKEN_TTL
        self._admin = issuer.issue(self._name, ttl=ttl, now=now, admin=True)
        self._users = [
            User(
                f"{self._name}-{number}",
                issuer.issue(f"{self._name}-{number}", ttl=ttl, now=now),
                urls=self._rest.urls,
                first=number,
                transport=plan.transport,
                event=plan.event,
                arrived=self._arrived,
            )
            for number in range(plan.users)
        ]

    async def carry_out(self) -> Outcome:
        _raise_file_limit()
        await self._rest.check(self._users[0].token)
        left: Sequence[str] = ()
        try:
            await self._connect()
            await self._send_all()
            await self._settle()
        finally:
            await self._disconnect()
            if not self._plan.keep:
                left = await self._clean_up()
        self._sum_up()
        return Outcome(self._plan, self._name, self._ledger.figures(), self._network, left)

    def _sum_up(self) -> None:
        clients = {user.name: user.client for user in self._users}
        for client in clients.values():
            self._ledger.shown(client.shown)
        self._network.reconnects = sum(max(0, client.connections - 1) for client in clients.values())
        self._network.cut_short = sum(client.cut_short for client in clients.values())
        self._network.sent_away = {name: client.sent_away for name, client in clients.items() if client.sent_away}

    # Connect

    async def _connect(self) -> None:
        for user in self._users:
            await user.link.open()
            self._tasks.append(asyncio.create_task(user.client.run()))
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                for user in self._users:
                    await user.client.first_answer.wait()
        except TimeoutError:
            out = [user.client for user in self._users if not user.client.first_answer.is_set()]
            raise CannotVerify(f"{len(out)} of {len(self._users)} users cannot connect: {out[0].trouble}") from None
        for user in self._users:
            if user.client.sent_away:
                raise CannotVerify(f"a user's client was refused: {user.client.sent_away}")

    async def _disconnect(self) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        for user in self._users:
            await user.link.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def _is_own(self, item: Mapping[str, Any]) -> bool:
        """Whether this run has sent it: announcements are for its users too, and others may send them something."""
        return str(item.get("message")).startswith(f"{self._name} ")

    def _arrived(self, user: User, connection: int, payload: Mapping[str, Any]) -> None:
        if not self._is_own(payload):
            return
        self._ledger.arrived(
            (user.name, connection), str(payload["id"]),
            replayed=payload.get("replayed") is True, at=time.time(), online=user.online.seconds,
        )  # fmt: skip
        self._progress()

    def _progress(self) -> None:
        self._watch(self._ledger.created_count, self._ledger.received_count)

    # Send

    async def _send_all(self) -> None:
        stormy = self._plan.notifications - self._plan.calm
        async with self._dropping():
            await self._send_some(range(stormy))
        if self._plan.calm:
            await self._until(lambda: all(user.online.runs or user.client.sent_away for user in self._users))
            await self._send_some(range(stormy, self._plan.notifications))

    async def _send_some(self, numbers: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        start, step = loop.time(), self._plan.seconds / self._plan.notifications
        give_up = start + self._plan.seconds + self._plan.settle
        try:
            async with asyncio.TaskGroup() as sends:
                for count, number in enumerate(numbers):
                    await asyncio.sleep(start + count * step - loop.time())
                    sends.create_task(self._send(number, give_up))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _send(self, number: int, give_up: float) -> None:
        """Create one notification, with one key however often that is tried, at another URL each time."""
        urls, user = self._rest.urls, self._users[number % len(self._users)]
        message, key = f"{self._name} {number}", f"{self._name}-{number}"
        tries = 0
        async with user.sending:
            while asyncio.get_running_loop().time() < give_up or not tries:
                url = urls[(number + number // len(self._users) + tries) % len(urls)]
                tries += 1
                try:
                    id = await self._rest.send(url, self._admin, user.name, message, key=key)
                except SendFailed as failure:
                    self._network.send_errors[str(failure)] += 1
                    await asyncio.sleep(RETRY_PAUSE)
                else:
                    by = url if tries == 1 else None
                    self._ledger.created(id, user.name, at=time.time(), by=by, online=user.online.seconds)
                    self._progress()
                    return
        self._ledger.not_created(f"number {number}, to {user.name}")

    # Drop

    @asynccontextmanager
    async def _dropping(self) -> AsyncIterator[None]:
        """Break every user's network, each at times of its own; a drop that has begun is carried to its end."""
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        dropping = [] if self._plan.drops == "none" else [self._drop(user, stop) for user in self._users]
        tasks = [asyncio.create_task(work) for work in dropping]
        try:
            yield
            stop.set_result(None)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _drop(self, user: User, stop: asyncio.Future[None]) -> None:
        pause = _random.uniform(0, self._plan.drop_every + self._plan.drop_for)
        while not (await asyncio.wait([stop], timeout=pause))[0]:
            fault: Fault = _random.choice(("clean", "silent"))
            if self._plan.drops in ("clean", "silent"):
                fault = self._plan.drops
            self._network.drops[fault] += user.drop(fault)
            await asyncio.sleep(self._plan.drop_for)
            if self._ledger.is_waiting(user.name):
                await self._check(user)
            user.link.restore()
            pause = self._plan.drop_every

    async def _check(self, user: User) -> None:
        """Ask what the server holds for delivered, while the client cannot be receiving anything."""
        with suppress(*FAULTS):  # an instance may be unavailable; there are other drops, and the end
            async with asyncio.timeout(CHECK_WITHIN):
                await self._audit(user, pages=1)
            self._network.checks += 1

    # Settle

    async def _settle(self) -> None:
        """Wait until everything is received and confirmed; then, or when the time is up, ask about all of it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._plan.settle
        restless = self._users
        while restless and loop.time() < until:
            await self._audit_all([user for user in restless if not self._ledger.is_waiting(user.name)])
            restless = [user for user in restless if not self._ledger.is_settled(user.name)]
            if restless:
                await asyncio.sleep(ROUND_PAUSE)
        await self._audit_all(restless)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition, but not longer than things may take to settle."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._plan.settle
        while loop.time() < until and not condition():  # noqa: ASYNC110 - many things change it
            await asyncio.sleep(ROUND_PAUSE)

    async def _audit_all(self, users: Sequence[User]) -> None:
        async def audit(user: User) -> None:
            with suppress(*FAULTS):
                await self._audit(user)

        await _each(users, audit)

    async def _audit(self, user: User, *, pages: int | None = None) -> None:
        """Enter what the server says about the user's notifications: all, or the newest pages."""
        async for item in self._own(user, pages=pages):
            delivered_at = item.get("deliveredAt")
            self._ledger.audited(
                item["id"], user.name, item["status"],
                created_at=_seconds(item["createdAt"]),
                delivered_at=None if delivered_at is None else _seconds(delivered_at),
            )  # fmt: skip

    async def _own(self, user: User, *, pages: int | None = None) -> AsyncIterator[Mapping[str, Any]]:
        """What this run has sent to the user, as the server has it: all, or what is in the newest pages."""
        cursor: str | None = None
        while pages is None or pages > 0:
            items, cursor = await self._rest.page(user.token, cursor)
            for item in items:
                if self._is_own(item):
                    yield item
            if cursor is None:
                return
            pages = None if pages is None else pages - 1

    # Clean up

    async def _clean_up(self) -> Sequence[str]:
        """Delete what was created; the users of whom something is left."""
        left: list[str] = []

        async def clean(user: User) -> None:
            try:
                async for item in self._own(user):
                    await self._rest.delete(user.token, item["id"])
            except FAULTS:
                left.append(user.name)

        await _each(self._users, clean)
        return left


async def _each(users: Sequence[User], work: Callable[[User], Coroutine[Any, Any, None]]) -> None:
    """Do the work for all users, some of them at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(user: User) -> None:
        async with places:
            await work(user)

    await asyncio.gather(*map(one, users))


def _raise_file_limit() -> None:
    """A user takes a dozen sockets when connections break silently, and many systems start programs with 1,024."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has a limit of its own besides
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
