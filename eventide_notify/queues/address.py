"""The addresses of queues, as EVENTIDE_QUEUES has them: checked, and never shown with what is secret in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from ..models import USER_ID_MAX

BrokerKind = Literal["rabbitmq", "kafka", "nats", "redis"]
KINDS: tuple[BrokerKind, ...] = get_args(BrokerKind)

NAME_MAX = 200
GROUP = "eventide-notify"
"""The consumer group of all instances, unless the address names another."""
HIDDEN = "********"


@dataclass(frozen=True, slots=True)
class _Scheme:
    kind: BrokerKind
    name: str
    """The option that names the queue."""
    needed: frozenset[str]
    known: frozenset[str]
    """Options that may be there too; a misspelt one would be ignored in silence."""


def _scheme(kind: BrokerKind, name: str, *, needed: str = "", known: str = "") -> _Scheme:
    return _Scheme(kind, name, frozenset({name, *needed.split()}), frozenset(known.split()))


_TLS = "cafile certfile keyfile"
_RABBITMQ = _scheme("rabbitmq", "queue", known=f"heartbeat {_TLS}")
_KAFKA = _scheme("kafka", "topic", known=f"group mechanism {_TLS}")
_NATS = _scheme("nats", "subject", needed="stream", known=f"group {_TLS}")
_REDIS = _scheme("redis", "stream", known="group")
_SCHEMES = {
    "amqp": _RABBITMQ, "amqps": _RABBITMQ, "kafka": _KAFKA, "kafkas": _KAFKA, "nats": _NATS, "tls": _NATS,
    "redis": _REDIS, "rediss": _REDIS, "redis+sentinel": _REDIS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """Where a queue is, and how its messages are taken."""

    kind: BrokerKind
    name: str
    """The queue, topic, subject or stream."""
    url: str = field(repr=False)
    """Without the options. It may have a password in it."""
    options: Mapping[str, str] = field(repr=False)

    @property
    def label(self) -> str:
        """What it is called where people read it."""
        return f"{self.kind}:{self.name}"

    @property
    def dead(self) -> str:
        """The queue for messages that cannot be used."""
        return f"{self.name}.dead"

    @property
    def group(self) -> str:
        return self.options.get("group", GROUP)

    @property
    def caller(self) -> str:
        """Whose idempotency keys its messages use. It is longer than a user id can be, so that nobody shares them."""
        return f"queue {self.label}".ljust(USER_ID_MAX + 1)

    @property
    def shown(self) -> str:
        """The address without what may be secret: a password, or a token in the place of the user's name."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        known = f"{HIDDEN}@" if "@" in parts.netloc else ""
        options = "&".join(f"{key}={quote(value)}" for key, value in self.options.items())
        return f"{parts.scheme}://{known}{host}{parts.path}?{options}"

    def without_secrets(self, text: str) -> str:
        """A text, such as a driver's error, without anything secret of the address."""
        known = urlsplit(self.url).netloc.rpartition("@")[0]
        user, _, password = known.partition(":")
        for secret in sorted({known, password or user, unquote(password or user)}, key=len, reverse=True):
            if secret:
                text = text.replace(secret, HIDDEN)
        return text


def parse_addresses(text: str) -> Sequence[QueueAddress]:
    """The queues in a comma list. Raises `ValueError`, with nothing of the addresses in it that may be secret."""
    found: list[QueueAddress] = []
    for number, url in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        try:
            found.append(parse_address(url))
        except ValueError as error:
            raise ValueError(f"queue {number} {error}") from None
        if found[-1].label in {each.label for each in found[:-1]}:
            raise ValueError(f"queue {number} is there twice: {found[-1].label}")
    return found


def parse_address(url: str) -> QueueAddress:
    """One queue. Raises `ValueError` likewise."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not a URL") from None  # the error itself quotes it
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        begins = ", ".join(f"{each}://" for each in sorted(_SCHEMES))
        raise ValueError(f"must begin with one of {begins}; in an address write a comma as %2C")
    _check_host(parts)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("has an option twice")
    if lacking := sorted(name for name in scheme.needed if not options.get(name)):
        raise ValueError(f"needs {' and '.join(f'?{name}=…' for name in lacking)}")
    if any(name not in scheme.needed | scheme.known for name in options):
        raise ValueError(f"knows only the options {', '.join(sorted(scheme.needed | scheme.known))}")
    for name in ("queue", "topic", "stream", "subject", "group"):
        _check_name(name, options.get(name, "x"))
    if scheme is _NATS and not {"*", ">"}.isdisjoint(options[scheme.name].split(".")):
        raise ValueError("has a subject with a wildcard")
    return QueueAddress(scheme.kind, options[scheme.name], url.partition("?")[0], options)


def _check_host(parts: SplitResult) -> None:
    # What stands in the place of the host or the port may be a part of a password with a slash in it: it is not shown.
    hosts = unquote(parts.netloc.rpartition("@")[2]).split(",")
    for host in hosts:
        each = urlsplit(f"//{host}")
        try:
            _ = each.port
        except ValueError:
            raise ValueError("has a port that is not a number; in a password write / as %2F") from None
        if not each.hostname:
            raise ValueError("has no host")


def _check_name(option: str, name: str) -> None:
    if len(name) > NAME_MAX or not name.isascii() or not name.isprintable() or " " in name:
        raise ValueError(f"has a {option} that is not up to {NAME_MAX} printable ASCII characters without spaces")
