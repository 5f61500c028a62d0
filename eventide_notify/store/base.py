"""The store: the truth about every notification. Sockets are only a hint.

One protocol, whatever the database. The implementations differ in nothing that a caller can see; one contract suite
(`tests/store/`) runs over all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from ..due import Dead, Lease, Waiting, Work, WorkId
from ..models import Announcement, Change, Counts, Notification, NotificationId, Reach, Receipt, UserId
from ..revocation import Revocation, RevocationId

CLAIM_LIFETIME = timedelta(days=1)
"""How long a claim holds that does not say anything else."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an idempotency key stands for: the body it came with, and the notifications that were made of it."""

    key: str
    fingerprint: str
    """A digest of the request's body."""
    items: Sequence[tuple[NotificationId, UserId]]
    """Of an announcement its id alone, with no user (`""`)."""
    claimed_at: datetime
    complete: bool = False
    """Whether what it stands for is known to be saved."""
    lifetime: timedelta = field(default=CLAIM_LIFETIME, compare=False)
    """How old it may become and still hold. A claim that was found does not say it."""

    @property
    def expires_at(self) -> datetime | None:
        """Until when it holds; None: for as long as most do."""
        return None if self.lifetime == CLAIM_LIFETIME else self.claimed_at + self.lifetime


class Changed(NamedTuple):
    """What became of a change of several notifications."""

    owned: Collection[NotificationId]
    """Those that the user has, or had if they were deleted; but for those that are withheld."""
    changed: Collection[NotificationId]
    """Those of them that are otherwise now than they were before. Of concurrent deletions of one, one has it here."""
    withheld: Collection[NotificationId] = ()
    """Those that the user has and has to acknowledge first (`WITHHELD`): they are as they were."""


class Collapsed(NamedTuple):
    """What became of notifications that take the places of others."""

    held: Claim | None
    """The claim that holds, see `Store.add`."""
    saved: Sequence[Notification]
    """Those that this call has saved, and that are still there; with how many each has `collapsed`."""
    replaced: Mapping[NotificationId, Sequence[NotificationId]]
    """The ids that each of them has replaced."""
    superseded: Collection[NotificationId] = ()
    """Those that were replaced in the same moment in which they were saved."""
    repeated: bool = False
    """Whether some were saved before, by the same call: nobody knows any more what these have replaced."""


class Expired(NamedTuple):
    """What has expired."""

    items: Sequence[tuple[NotificationId, UserId | None]]
    """With whose it was; None: an announcement."""
    position: tuple[datetime, NotificationId] | None
    """Where the next look begins; None: that was all."""


class Schema(NamedTuple):
    """The schema of a database."""

    version: int
    """0: there is none yet."""
    target: int
    """The version that this version of the service needs."""
    steps: Sequence[str]
    """What `open` would do to it, in this order; empty: nothing."""
    exists: bool = True
    """False: there is no database, and `open` would create it (a SQLite file)."""


class Removed(NamedTuple):
    """What one batch of a removal did."""

    number: int
    users: Collection[UserId]
    """Whose counts are others now."""
    position: NotificationId | None
    """Up to here, and with it, everything was looked at; None: there is nothing left to look at."""
    held: float = 0.0
    """For how many seconds others who write may have had to wait for it."""

    def up_to(self, position: NotificationId | None) -> Removed:
        """The same with this position."""
        return self._replace(position=position)


class Erased(NamedTuple):
    """How much of a user was removed."""

    notifications: int
    receipts: int
    """Rows about announcements; with MongoDB one for each step."""
    claims: int
    """Idempotency keys that have named the user."""
    subscriptions: int = 0


LEEWAY = timedelta(hours=2)
"""How long after its expiry a revocation is still kept: a token may be accepted for an hour longer than it says
(`EVENTIDE_JWT_LEEWAY`), and clocks may differ."""


class Store(Protocol):
    """Where notifications are kept.

    * Everything here raises `Unavailable` while the database cannot be reached, within some seconds and with nothing
      changed, and works again when the database does, without a restart. If the database was asked to save something
      and nobody knows whether it has, or if a part of a large change was saved, that is `OutcomeUnknown`; all calls can
      be repeated. `Refused`, which is an `Unavailable` too, says that the database answers, but not what anybody
      expected. Nothing else is raised for valid arguments.
    * A call that returned is durable: it survives the death of this process and of the database's.
    * Statuses only move forward: `PENDING` → `DELIVERED` → `READ`, but for `Change.UNREAD`. Each change is atomic per
      notification, and what is `READ` has `delivered_at`, `read_at` and `seen_at`.
    * A user's notifications are reached only with that user's id. Ids that are unknown, or another's, are passed over.
    * An announcement is kept once. Every user has it, as a notification with `broadcast` set: `PENDING` until the user
      has a row of their own that says otherwise, and gone once the user deleted it, it expired or it was removed.
    * An announcement to a topic likewise, but who has it are the users who are subscribed to the topic at the moment,
      and those who have read it and are not subscribed any more.
    * What a user's reads cost does not depend on how many other users there are, nor on announcements to topics that
      the user is not subscribed to.
    * Order is the order of ids, which is that of creation, of notifications and announcements alike.
    * Time is always passed in, in UTC; milliseconds are kept. `now` decides what has expired, notifications too: from
      its `expires_at` on nobody has it. Only `since`, `overdue` and `find`, which have no `now`, find it until it is
      removed.
    """

    async def open(self) -> None:
        """Connect, and bring the schema up to date. May be called by several instances at once.

        Raises `SchemaTooNew` when the database was written by a later version.
        """

    async def schema(self) -> Schema:
        """What `open` would find and do. Changes nothing, not even a file that is not there, and waits for no lock.

        May be called before `open`. Of a database of a later version there are no steps. Raises `Unavailable` also
        where `open` could not create a database that does not exist.
        """

    async def close(self) -> None:
        """Give back all connections. May be called twice, and on a store that never opened."""

    async def check_writable(self) -> None:
        """Return if saving works; raise `Unavailable` with the reason if not, within three seconds.

        What became of the last write decides. If there was none lately a tiny one is made, of which nothing is seen;
        one at a time, however many ask.
        """

    # Saving

    async def add(self, notifications: Sequence[Notification], *, claim: Claim | None = None) -> Claim | None:
        """Save all of them, in a few round trips whatever their number.

        Those whose id is there already are left as they are, so that an interrupted call can be repeated. If it
        raises, some of them may have been saved only on a database without transactions (MongoDB).

        With a `claim` they are saved if nobody holds its key; of concurrent calls one saves. Returns None then.
        Otherwise returns the claim that holds, as it was found, and saves nothing, with one exception: where it has
        the same fingerprint and is not `complete`, because whoever made it was interrupted, what it stands for is
        saved now: these notifications under its ids, of its time.
        """

    async def add_collapsing(
        self, notifications: Sequence[Notification], *, claim: Claim | None = None, now: datetime
    ) -> Collapsed:
        """Save notifications of different users, each with a `collapse_key`, as `add` does, a few round trips whatever
        their number; each takes the place of those of its user with the same key that are neither read nor archived.

        It counts them, and those that they have replaced, exactly: of concurrent calls one comes after the other, on
        several instances too. One that the user reads or archives in the same moment is replaced or not, and never
        both. If the call is interrupted nothing is lost: what was to be replaced is there, or what replaces it.

        A call that is repeated replaces nothing twice.
        """

    async def add_announcement(self, announcement: Announcement, *, claim: Claim | None = None) -> Claim | None:
        """Save it: one row, however many users there are. Its `expires_at` is set. A `claim` is as for `add`."""

    async def remove_announcement(self, id: NotificationId) -> bool:
        """Take it from everybody; whether it was there."""

    async def is_claimed(self, key: str, *, now: datetime) -> bool:
        """Whether a claim on this key holds."""

    async def purge(self, *, claimed_before: datetime, now: datetime) -> None:
        """Forget the claims made before then, or those that hold for longer or shorter than most and have expired, the
        announcements that have expired, with what users did to them, and
        the revocations that expired more than `LEEWAY` ago."""

    async def remove_old(
        self,
        *,
        older: NotificationId,
        read_before: datetime | None,
        after: NotificationId,
        look: int,
        limit: int,
    ) -> Removed:
        """Remove up to `limit` notifications that are due, of all users, the oldest first; no announcements.

        Due is what has an id before `older`, and, with `read_before`, what is `READ` since before that time.

        One small piece of a walk along the ids: it begins after the id `after`, and the next one begins where this one
        has ended. It looks at no more than `look` notifications that are not due. What somebody else is changing at
        this moment may be passed over until the next walk; what others have removed is not counted.
        """

    async def expired(self, *, after: tuple[datetime, NotificationId], until: datetime, limit: int) -> Expired:
        """Notifications and announcements that have expired after this time, or at it with a later id, and not later
        than `until`, in this order: up to `limit` at a time, by an index. No announcements that were removed."""

    async def remove_expired(self, *, before: datetime, limit: int) -> int:
        """Remove up to `limit` notifications that have expired before then; fewer: there are no more of them."""

    async def erase(self, user: UserId) -> Erased:
        """Remove all that the user has, and what they did with announcements, which are theirs anew after that. In
        small parts, between which others write; what is saved for the user meanwhile may remain.

        A claim that names the user goes on holding, with `""` in the user's place.
        """

    # What a user has

    async def get(self, user: UserId, id: NotificationId, *, now: datetime) -> Notification | None:
        """One notification of the user."""

    async def page(
        self,
        user: UserId,
        *,
        now: datetime,
        limit: int,
        before: NotificationId | None = None,
        offset: int = 0,
        unread: bool | None = None,
        archived: bool | None = False,
        type: str | None = None,
        text: str | None = None,
        top: datetime | None = None,
        from_top: bool = False,
    ) -> Sequence[Notification]:
        """Up to `limit` of the user's notifications, newest first: those that are archived, or those that are not;
        None: both.

        `before`: only older ones than this id, which need not exist (any more). `unread`: True: only unread ones,
        False: only read ones. `text`: only those with it in their title or message, in capital letters or small ones.
        `offset` skips that many.

        `top`: those that were not acknowledged at this time, and have to be, come before all others. `before` is a
        place among the others then, or, with `from_top`, among those.
        """

    async def pending(self, user: UserId, *, now: datetime, limit: int) -> Sequence[Notification]:
        """The newest `limit` of the user's notifications that are `PENDING` and not archived, oldest first."""

    async def newer(self, user: UserId, *, than: NotificationId, now: datetime, limit: int) -> Sequence[Notification]:
        """The newest `limit` of the user's notifications after the id `than` that are not archived, whatever their
        status, oldest first."""

    async def owned(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        """Those of `ids` that the user has."""

    async def counts(self, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, Counts]:
        """The counts of every one of `users`, in a few round trips."""

    # What users do

    async def mark_delivered(self, receipts: Collection[Receipt], *, now: datetime) -> int:
        """`PENDING` → `DELIVERED` for all of them, in a few round trips; the number that changed."""

    async def change(self, user: UserId, change: Change, ids: Collection[NotificationId], *, now: datetime) -> Changed:
        """Make this change to those of `ids` that the user has, and that are not withheld.

        A user who deletes an announcement does not have it any more; all others do.
        """

    async def change_all(
        self, user: UserId, change: Change, *, up_to: NotificationId | None, now: datetime
    ) -> Sequence[NotificationId]:
        """Make this change to all that are not archived (`UNARCHIVE`: that are), or those of them that are not newer
        than `up_to`; those that changed, newest first. What comes meanwhile is not touched, nor what is withheld."""

    async def acknowledge(self, user: UserId, id: NotificationId, *, now: datetime) -> Changed:
        """Note that the user has acknowledged this announcement, and make the change `READ`, both or nothing. The time
        of the first acknowledgement stays. What the user does not have to acknowledge is not `owned`."""

    async def press(self, user: UserId, id: NotificationId, action: str, *, now: datetime) -> bool:
        """Note that the user chose this action, and make the change `READ`; one choice is made, and stays.

        Returns whether this action is the one that is chosen now, by this call or before. False also if the user does
        not have the notification, or has to acknowledge it first. Whether it has such an action is not checked.
        """

    # What may have been missed, of all users

    async def since(self, id: NotificationId, *, limit: int) -> Sequence[Notification]:
        """The oldest `limit` notifications after this id, whatever their status, oldest first. No announcements."""

    async def overdue(self, *, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        """The oldest `limit` of those that are `PENDING` and not archived between the two ids, oldest first.
        No announcements.

        By an index: the cost is that of what is found, and not of all that is pending or of the users there are.
        """

    async def find(self, id: NotificationId) -> Notification | None:
        """This notification, whoever has it. No announcement."""

    async def announcements(self, *, after: NotificationId, now: datetime) -> Sequence[Announcement]:
        """The announcements after this id that have not expired, oldest first."""

    async def newest_announcements(
        self, *, before: NotificationId | None, now: datetime, limit: int
    ) -> Sequence[Announcement]:
        """The newest `limit` announcements (before this id) that have not expired, newest first."""

    # Due work

    async def add_due(self, work: Work, *, claim: Claim | None = None) -> Claim | None:
        """Save it, unless its id is there already. A `claim` is as for `add`; its one item names the work."""

    async def first_due(self, *, kinds: Collection[str]) -> datetime | None:
        """When the first of these works is or was due, whoever holds it; None: there are none. One small read."""

    async def claim_due(
        self, *, kinds: Collection[str], now: datetime, lease: Lease, until: datetime, limit: int
    ) -> Sequence[Work]:
        """Up to `limit` works of these kinds that are due and that nobody holds, those due first first; from now on
        and until then they are held by this lease, which nobody has used before.

        Of concurrent calls one gets a work. Nobody holds what has a lease that has run out, or one that ends much later
        than `until`: the clock was set back since. Where there is nothing to do, that is one small read.
        """

    async def prolong_due(self, ids: Collection[WorkId], lease: Lease, *, until: datetime) -> None:
        """Hold until then those of them that the lease holds; until now: give them back."""

    async def finish_due(self, ids: Collection[WorkId], lease: Lease) -> Collection[WorkId]:
        """Remove those of them that the lease holds, and say which."""

    async def postpone_due(
        self, id: WorkId, lease: Lease, *, at: datetime, attempts: int, payload: Mapping[str, Any]
    ) -> bool:
        """Have it done at another time, if the lease holds it; whether it does. Nobody holds it from then on."""

    async def bury_due(self, id: WorkId, lease: Lease, *, error: str, now: datetime) -> bool:
        """Let it be dead, if the lease holds it; whether it does."""

    async def due(self, *, kinds: Collection[str], after: WorkId, limit: int) -> Sequence[Work]:
        """The first `limit` works of these kinds after this id that are not dead, in the order of ids."""

    async def find_due(self, id: WorkId) -> Work | None:
        """This work, if it is not dead."""

    async def cancel_due(self, id: WorkId) -> bool:
        """Remove it, whoever holds it, if it is not dead; whether it was there."""

    async def revise_due(self, work: Work, payload: Mapping[str, Any], *, now: datetime) -> bool:
        """Give it this payload, dead or not, if it still has that of `work` and nobody holds it; whether so."""

    async def dead(self, *, after: WorkId, limit: int) -> Sequence[Dead]:
        """The first `limit` dead ones after this id, in the order of ids."""

    async def retry_dead(self, id: WorkId, *, now: datetime) -> Work | None:
        """Have it done now, with no attempts counted; None: there is none."""

    async def remove_dead(self, id: WorkId) -> bool:
        """Forget it; whether it was there."""

    async def count_due(self, *, by: datetime) -> Waiting:
        """How much work there is, and how much of it was due by then."""

    # Topics

    async def subscribe(
        self, topic: str, users: Collection[UserId], *, now: datetime
    ) -> Mapping[UserId, Collection[NotificationId]]:
        """Subscribe them, in a few round trips; those who were not subscribed, and what each has since that they did
        not have before."""

    async def unsubscribe(
        self, topic: str, users: Collection[UserId], *, now: datetime
    ) -> Mapping[UserId, Collection[NotificationId]]:
        """Likewise; those who were subscribed, and what each of them does not have any more."""

    async def topics(self, user: UserId) -> Sequence[str]:
        """The topics that the user is subscribed to, in the order of their names."""

    async def subscribed(self, topic: str, users: Collection[UserId]) -> Collection[UserId]:
        """Those of `users` who are subscribed, in a few round trips."""

    async def subscribers(self, topic: str) -> int:
        """How many are subscribed."""

    # Whom announcements have reached

    async def add_users(self, users: Collection[UserId]) -> None:
        """Note that there are these users, most of whom may be known, in a few round trips. `erase` forgets them."""

    async def announcement(self, id: NotificationId, *, now: datetime) -> Announcement | None:
        """This announcement, if it has not expired."""

    async def reach(self, announcement: Announcement) -> Reach:
        """How many users are known (of one to a topic: subscribed), and how many of them received, read and
        acknowledged it, whether or not they have deleted it since."""

    async def missing(self, announcement: Announcement, *, after: UserId, limit: int) -> Sequence[UserId]:
        """The first `limit` of these users after the one named `after` who have not acknowledged it, or, where that is
        not required, have not read it; in the order of their ids."""

    async def unacknowledged(self, announcement: Announcement, users: Collection[UserId]) -> Collection[UserId]:
        """Those of `users` who have it (of one to a topic: are subscribed) and have not acknowledged it, in a few round
        trips."""

    # Tokens that are no longer accepted

    async def add_revocation(self, revocation: Revocation) -> None:
        """Save it; if its id is there already, nothing changes."""

    async def remove_revocation(self, id: RevocationId) -> bool:
        """Remove it; whether it was there."""

    async def revocations(self, *, after: RevocationId, limit: int) -> Sequence[Revocation]:
        """The oldest `limit` revocations after this id, oldest first, including those that have expired."""
