"""Topics: who is subscribed to which. What is announced to a topic is in `notifications`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from .. import wire
from ..errors import Conflict, FieldError, InvalidRequest, OutcomeUnknown
from ..models import NotificationId, Topic, UserId
from ..store.base import Store
from .fanout import Fanout, Gone
from .users import checked, recipients

OWN_MAX = 1_000
"""Topics to which a user may subscribe without a back end: what is read of a user grows with them."""

CountsChanged = Callable[[Collection[UserId]], Awaitable[None]]
"""Has all instances tell these users' counts anew."""
Change = Callable[..., Awaitable[Mapping[UserId, Collection[NotificationId]]]]

_topic = TypeAdapter[str](Topic)


def checked_topic(topic: str) -> str:
    """The topic; raises `InvalidRequest` for what is none."""
    try:
        return _topic.validate_python(topic, strict=True)
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise InvalidRequest(errors=[FieldError("topic", why)]) from None


class Topics:
    """The topics of users. What a subscription changes for them is told to all of their sockets.

    Every method raises `Unavailable` while the store is unavailable, with nothing changed, and `InvalidRequest` for
    topics and user ids that are none. Those that change something can be repeated, and raise `OutcomeUnknown` when the
    store does not say whether it has done so.
    """

    def __init__(
        self,
        store: Store,
        fanout: Fanout,
        *,
        clock: Callable[[], datetime],
        counts_changed: CountsChanged,
        met: Callable[[Iterable[UserId]], None],
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._clock = clock
        self._counts_changed = counts_changed
        self._met = met

    async def of(self, user: UserId) -> Sequence[str]:
        """The topics that the user is subscribed to, in the order of their names."""
        return await self._store.topics(checked(user))

    async def subscribers(self, topic: str) -> int:
        """How many users are subscribed."""
        return await self._store.subscribers(checked_topic(topic))

    async def follow(self, user: UserId, topic: str) -> None:
        """As `subscribe`, by the user: `Conflict` beyond `OWN_MAX` topics."""
        topic = checked_topic(topic)
        if len(known := await self.of(user)) >= OWN_MAX and topic not in known:
            raise Conflict(f"You are subscribed to {OWN_MAX} topics already.")
        await self.subscribe(topic, [user])

    async def subscribe(self, topic: str, users: Iterable[UserId | int]) -> int:
        """Subscribe up to 10,000 users; how many were not subscribed before.

        From then on they have the topic's announcements, also those that have been made and have not expired.
        """
        gained = await self._change(self._store.subscribe, topic, users)
        self._met(gained)
        await self._reload([user for user, ids in gained.items() if ids])
        return len(gained)

    async def unsubscribe(self, topic: str, users: Iterable[UserId | int]) -> int:
        """Unsubscribe up to 10,000 users; how many were subscribed.

        From then on they have those of the topic's announcements only that they have read.
        """
        lost = await self._change(self._store.unsubscribe, topic, users)
        await self._fanout.take_away("unsubscribed", [Gone(user, list(ids)) for user, ids in lost.items() if ids])
        return len(lost)

    async def _change(
        self, change: Change, topic: str, users: Iterable[UserId | int]
    ) -> Mapping[UserId, Collection[NotificationId]]:
        named = recipients(users)
        try:
            return await change(checked_topic(topic), named, now=self._clock())
        except OutcomeUnknown:
            await self._reload(named)  # a repetition may find nothing to change, and tell nobody
            raise

    async def _reload(self, users: Sequence[UserId]) -> None:
        """Have their clients read again what they show."""
        if users:
            await self._fanout.emit(wire.RELOAD, {}, users)
            await self._counts_changed(users)
