"""What the service is about: drafts, notifications, announcements, who they are for, and their ids."""

from __future__ import annotations

import re
import secrets
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

UserId = str
"""A user as the notifications name it: 1 to 128 characters. The integer 42 and the string "42" are one user."""
NotificationId = str
"""A UUIDv7 in its 36-character form. Ids sort as text in the order of creation."""

USER_ID_MAX = 128
TOKEN_ID_MAX = 255
MESSAGE_MAX = 10_000
TITLE_MAX = 255
TYPE_MAX = 50
LINK_MAX = 2_000
DATA_MAX_BYTES = 8 * 1024
RECIPIENTS_MAX = 10_000
"""Most users in one call of `send`."""
COLLAPSE_KEY_MAX = 128
TOPIC_MAX = 128
ACTIONS_MAX = 2
"""Most actions of one notification."""
ACTION_ID_MAX = 50
LABEL_MAX = 50
IDS_MAX = 1_000
"""Most notification ids in one request."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)
UNSAFE_IN_LINK = r"\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff"
"""Control characters, spaces, invisible ones too, and backslashes: a class of characters for Python and ECMAScript."""
_UNSAFE_IN_LINK = re.compile(f"[{UNSAFE_IN_LINK}]")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_AFTER_ALL_TIMES = "e677d21f-dc00"
"""How an id would begin in the year 10000, which no calendar here has."""


def _storable(text: str) -> str:
    # PostgreSQL cannot hold NUL, and no database or UTF-8 frame can hold half of a surrogate pair.
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode (it has half of a surrogate pair)") from None
    return text


def _web_link(link: str) -> str:
    if _UNSAFE_IN_LINK.search(link):
        # Browsers drop tabs and line ends from a link, which would turn "java\nscript:" into a script.
        raise ValueError("must not contain spaces, control characters or backslashes")
    _storable(link)
    if link.startswith("//"):
        # It looks like a path, and leads to another host.
        raise ValueError("must not begin with //: a link to another host begins with http:// or https://")
    if _SCHEME.match(link) and not _WEB.match(link):
        raise ValueError("must be relative, or begin with http:// or https://")
    return link


def _small_json(data: dict[str, Any]) -> dict[str, Any]:
    try:
        encoded = orjson.dumps(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"must be a JSON object ({error})") from None
    if len(encoded) > DATA_MAX_BYTES:
        raise ValueError(f"must be at most {DATA_MAX_BYTES} bytes as JSON, not {len(encoded)}")
    if orjson.loads(encoded) != data:
        raise ValueError("must be a JSON object (NaN, infinities and tuples are not JSON)")
    if _has_nul(data):
        raise ValueError("must not contain the character NUL")
    return data


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)


UserKey = Annotated[str, StringConstraints(min_length=1, max_length=USER_ID_MAX), AfterValidator(_storable)]
TokenId = Annotated[str, StringConstraints(min_length=1, max_length=TOKEN_ID_MAX), AfterValidator(_storable)]
"""The claim `jti` of a token."""
Message = Annotated[str, StringConstraints(min_length=1, max_length=MESSAGE_MAX), AfterValidator(_storable)]
Title = Annotated[str, StringConstraints(max_length=TITLE_MAX), AfterValidator(_storable)]
Type = Annotated[str, StringConstraints(min_length=1, max_length=TYPE_MAX), AfterValidator(_storable)]
ActionId = Annotated[str, StringConstraints(min_length=1, max_length=ACTION_ID_MAX), AfterValidator(_storable)]
CollapseKey = Annotated[str, StringConstraints(min_length=1, max_length=COLLAPSE_KEY_MAX), AfterValidator(_storable)]
Topic = Annotated[str, StringConstraints(min_length=1, max_length=TOPIC_MAX), AfterValidator(_storable)]
Link = Annotated[str, StringConstraints(min_length=1, max_length=LINK_MAX), AfterValidator(_web_link)]


class Status(StrEnum):
    """How far a notification has come. It goes down this list and never back, but for the user's own `UNREAD`."""

    PENDING = "PENDING"
    """Saved; no client of the user is known to have received it."""
    DELIVERED = "DELIVERED"
    """A client of the user has received it."""
    READ = "READ"
    """The user marked it as read."""


class Change(StrEnum):
    """What a user can do to notifications."""

    SEEN = "seen"
    """They have been in a list that was shown. It clears the badge and nothing else."""
    READ = "read"
    """`Status.READ`. What is read has been seen, and received."""
    UNREAD = "unread"
    """From `READ` back to `DELIVERED`. It stays seen."""
    ARCHIVE = "archive"
    """Out of the list, the counts and the replays."""
    UNARCHIVE = "unarchive"
    DELETE = "delete"


WITHHELD = frozenset({Change.READ, Change.ARCHIVE, Change.DELETE})
"""What a user cannot do to an announcement before having acknowledged it, where that is required."""


class Counts(NamedTuple):
    """How many of a user's notifications are neither archived nor read, and how many neither archived nor seen."""

    unread: int
    unseen: int


class Action(BaseModel):
    """A button of a notification."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: ActionId
    label: Annotated[str, StringConstraints(min_length=1, max_length=LABEL_MAX), AfterValidator(_storable)]
    style: Literal["primary", "secondary"] = "secondary"
    link: Link | None = Field(None, description="Where pressing it leads to: relative, or http(s).")


class Pressed(NamedTuple):
    """The action that the user chose."""

    id: str
    at: datetime


def _distinct(actions: list[Action]) -> list[Action]:
    if len({action.id for action in actions}) < len(actions):
        raise ValueError("must have different ids")
    return actions


class Draft(BaseModel):
    """What a notification says, before it has an id and a reader.

    Raises pydantic's `ValidationError` (a `ValueError`), naming every wrong field, when a rule is broken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    message: Message
    title: Title = ""
    type: Type = "SYSTEM"
    link: Link | None = Field(None, description="Relative, or http(s).")
    avatar: Link | None = Field(None, description="Address of a picture: relative, or http(s).")
    data: Annotated[dict[str, Any], AfterValidator(_small_json)] | None = Field(
        None, description=f"Any JSON object of at most {DATA_MAX_BYTES} bytes."
    )
    actions: Annotated[list[Action], Field(min_length=1, max_length=ACTIONS_MAX), AfterValidator(_distinct)] | None = (
        Field(None, description="Buttons; the sender learns which one is pressed.")
    )


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of one user. Times are UTC with milliseconds."""

    id: NotificationId
    user_id: UserId
    content: Draft
    created_at: datetime
    status: Status = Status.PENDING
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    seen_at: datetime | None = None
    archived_at: datetime | None = None
    pressed: Pressed | None = None
    expires_at: datetime | None = None
    """From then on nobody has it any more."""
    collapse_key: str | None = None
    """Replaces the user's unread one with the same key."""
    collapsed: int = 0
    """How many it has replaced, and they before it."""
    broadcast: bool = False
    """Whether it is an announcement, as this user has it; the following are for these only."""
    topic: str | None = None
    require_ack: bool = False
    acknowledged_at: datetime | None = None

    @property
    def read(self) -> bool:
        return self.status is Status.READ

    @property
    def seen(self) -> bool:
        return self.seen_at is not None

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @property
    def unacknowledged(self) -> bool:
        """Whether the user has to acknowledge it, and has not."""
        return self.require_ack and self.acknowledged_at is None

    def on_top(self, at: datetime) -> bool:
        """Whether it came before all others at this time, because it was not acknowledged."""
        return self.require_ack and (self.acknowledged_at is None or self.acknowledged_at > at)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message for everybody. What a user did with it is kept with the user; nobody else is written down."""

    id: NotificationId
    content: Draft
    created_at: datetime
    expires_at: datetime | None = None
    stored: bool = True
    """False: for those who are connected, and nobody else ever has it."""
    topic: str | None = None
    """For its subscribers; None: for everybody."""
    require_ack: bool = False
    """Whether it stays unread until the user has acknowledged it."""
    remind_after: int | None = None
    """Seconds after which who has not acknowledged it is reminded, again and again."""


class Reach(NamedTuple):
    """What became of an announcement, of those that it is for."""

    users: int
    """The users known, or the subscribers of its topic."""
    received: int
    read: int
    acknowledged: int


REMIND_AFTER_MAX = 30 * 24 * 3600
"""Seconds."""

Audience = Literal["everyone", "connected"]


class Receipt(NamedTuple):
    """The proof that a client of `user_id` has received a notification."""

    user_id: UserId
    notification_id: NotificationId
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a user's notifications, newest first, and the cursor at which the next one starts."""

    notifications: Sequence[Notification]
    counts: Counts
    next_cursor: NotificationId | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token speaks for, or an API key. `claim` is the user id with the type it had in the token."""

    user_id: UserId
    """Empty for an API key, which belongs to no user."""
    claim: str | int
    admin: bool
    expires_at: datetime
    issued_at: datetime | None = None
    """None: the token does not say."""
    token_id: str | None = None
    """The token's `jti`."""
    key: str | None = None
    """The name of the API key; None: it is a token."""

    @property
    def actor(self) -> str:
        """Who it is, for logs."""
        return f"user:{self.user_id}" if self.key is None else f"key:{self.key}"

    @property
    def caller(self) -> str:
        """Whose idempotency keys it uses. A key's are longer than a user id can be, so that nobody shares them."""
        return self.user_id if self.key is None else f"API key {self.key}".ljust(USER_ID_MAX + 1)


def user_key(value: str | int) -> UserId:
    """The user an id names: `42` and `"42"` are the same."""
    return value if isinstance(value, str) else str(value)


def is_storable(text: str) -> bool:
    """Whether every database and every client can hold this text."""
    try:
        _storable(text)
    except ValueError:
        return False
    return True


def utc_now() -> datetime:
    """The time, cut to the milliseconds that the wire and the stores keep."""
    return cut_to_milliseconds(datetime.now(UTC))


def cut_to_milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def is_notification_id(text: object) -> bool:
    """Whether this can be an id at all; what cannot is not worth a question to the database."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None and text < _AFTER_ALL_TIMES


def id_at(time: datetime) -> NotificationId:
    """An id before all that are made at this time, and after all that were made before it."""
    digits = f"{max(0, int(time.timestamp() * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def time_of(id: NotificationId) -> datetime:
    """When this id was made."""
    return datetime.fromtimestamp(seconds_of(id), UTC)


def seconds_of(id: NotificationId) -> float:
    """Likewise, in seconds since 1970."""
    return int(id[:8] + id[9:13], 16) / 1000


class IdGenerator:
    """UUIDv7 ids that grow strictly within one process, also within a millisecond and when the clock steps back."""

    def __init__(self) -> None:
        self._last = 0
        self._random = array("I")

    def __call__(self, now: datetime) -> NotificationId:
        [id] = self.take(1, now)
        return id

    def take(self, count: int, now: datetime) -> Iterator[NotificationId]:
        """So many ids. They come before all that is taken later, however late they themselves are looked at."""
        millisecond = int(now.timestamp() * 1000)
        first = self._last + 1 if millisecond <= self._last >> 74 else millisecond << 74 | secrets.randbits(74)
        self._last = first + (count << 32)
        return self._made(range(first, self._last, 1 << 32))

    def _made(self, values: Iterable[int]) -> Iterator[NotificationId]:
        high, start = -1, ""
        for least in values:
            value = least + self._step()
            if value >> 62 != high:  # which nearly all have in common
                high = value >> 62
                digits = f"{high >> 12:012x}7{high & 0xFFF:03x}"
                start = f"{digits[:8]}-{digits[8:12]}-{digits[12:]}-"
            low = f"{0b10 << 62 | value & _LOW:016x}"
            yield f"{start}{low[:4]}-{low[4:]}"

    def _step(self) -> int:
        """32 random bits. The system is asked for many at a time: asking takes longer than all the rest."""
        if not self._random:
            self._random = array("I", secrets.token_bytes(4_096))
        return self._random.pop()


_LOW = (1 << 62) - 1
