"""What is kept of one user: given out as a whole, or removed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime

from .. import wire
from ..errors import OutcomeUnknown, Unavailable
from ..models import Notification, NotificationId, UserId, id_at
from ..store.base import Erased, Store
from .fanout import Fanout
from .users import checked

EXPORTED_AT_ONCE = 200
"""Notifications that are read, and written to the client, before others have their turn."""

Disconnect = Callable[[UserId], Awaitable[object]]
"""Closes every transport of the user, on all instances."""


class UserData:
    """All that is kept of a user. User ids that are none are an `InvalidRequest`."""

    def __init__(
        self,
        store: Store,
        fanout: Fanout,
        *,
        clock: Callable[[], datetime],
        disconnect: Disconnect,
        forget: Callable[[UserId], Awaitable[None]],
        unschedule: Callable[[UserId], Awaitable[int]],
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._clock = clock
        self._disconnect = disconnect
        self._forget = forget
        self._unschedule = unschedule

    async def export(self, user: UserId) -> AsyncIterator[Sequence[Notification]]:
        """All that the user has, newest first, archived ones too, and announcements as they are for this user; in
        portions, the first of which may be empty.

        What there is all the while is in it once; what is saved meanwhile is not. Raises `Unavailable`.
        """
        named, now = checked(user), self._clock()
        before: NotificationId | None = None
        while True:
            found = await self._store.page(named, now=now, limit=EXPORTED_AT_ONCE, archived=None, before=before)
            yield found
            if len(found) < EXPORTED_AT_ONCE:
                return
            before = found[-1].id

    async def topics(self, user: UserId) -> Sequence[str]:
        """The topics to which the user is subscribed."""
        return await self._store.topics(checked(user))

    async def erase(self, user: UserId) -> tuple[Erased, int]:
        """Remove all that the user has, clear their open screens, and close their transports; how much it was, and from
        how many scheduled sends the user was taken.

        Announcements that have not expired are the user's anew, as everybody's who comes for the first time: they are
        shown again if a client comes back. What is being sent to the user at this moment may remain; repeat it then.
        Raises `OutcomeUnknown` when some may be left.
        """
        named = checked(user)
        scheduled = await self._unschedule(named)  # before it: what is sent all the same is removed, too
        await self._forget(named)  # likewise what an instance was about to write down
        erased = await self._store.erase(named)
        await self._forget(named)
        # After it no client shows anything; that of an instance which does not hear this is closed, and comes back.
        await self._fanout.emit(wire.NOTIFICATION_DELETED, await self._cleared(named), [named])
        try:
            await self._disconnect(named)
        except Unavailable as error:
            raise OutcomeUnknown from error
        return erased, scheduled

    async def _cleared(self, user: UserId) -> wire.Payload:
        now = self._clock()
        cleared: wire.Payload = {"all": True, "upTo": id_at(now)}
        try:
            return cleared | wire.counts((await self._store.counts([user], now=now))[user])
        except Unavailable:  # they follow
            return cleared
