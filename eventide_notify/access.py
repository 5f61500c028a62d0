"""Who asks: a user's token, or a back end's API key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from .errors import TokenInvalid, TokenRevoked
from .faults import ClientFaults
from .models import Principal

PREFIX = "evk_"
_ENTRY = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-fA-F]{64})")
_NEVER = datetime.max.replace(tzinfo=UTC)

Authenticate = Callable[[object], Awaitable[Principal]]


def is_key_name(text: str) -> bool:
    """Whether an API key may have this name."""
    return _ENTRY.fullmatch(f"{text}:{'0' * 64}") is not None


def new_key() -> str:
    """A new API key."""
    return PREFIX + secrets.token_urlsafe(32)


def entry_of(name: str, key: str) -> str:
    """What the settings hold of a key. The key has 256 random bits, so a plain digest cannot be reversed."""
    return f"{name}:{_digest(key)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class ApiKeys:
    """The API keys in the settings: `name:sha256-hex` each. A name may have several, while one replaces another."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Raises `ValueError` with the place of an entry that is none, and never with its text: it may be a key."""
        self._digests: list[tuple[str, str]] = []
        for number, entry in enumerate(entries, 1):
            found = _ENTRY.fullmatch(entry)
            if found is None:
                raise ValueError(
                    f"entry {number} is not name:sha256, with a name of letters, digits, '.', '_' and '-', and "
                    "64 hexadecimal digits; eventide-notify apikey --name NAME prints one"
                )
            name, digest = found[1], found[2].lower()
            if digest in (known for _, known in self._digests):
                raise ValueError(f"entry {number} has the same key as an earlier one")
            self._digests.append((name, digest))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._digests]

    def name_of(self, key: str) -> str | None:
        """Whose key it is. How long that takes does not depend on the key, but for its length."""
        given = _digest(key)
        names = [name for name, digest in self._digests if hmac.compare_digest(digest, given)]
        return names[0] if names else None


class Access:
    """Lets in whoever has a token that is valid and not revoked, or over REST an API key."""

    def __init__(self, authenticate: Authenticate, is_revoked: Callable[[Principal], bool], keys: ApiKeys) -> None:
        self._authenticate = authenticate
        self._is_revoked = is_revoked
        self._keys = keys
        self._faults = ClientFaults()

    async def by_token(self, token: object) -> Principal:
        """Raises what `TokenVerifier.verify` does, and `TokenRevoked`."""
        principal = await self._authenticate(token)
        if self._is_revoked(principal):
            raise TokenRevoked
        return principal

    async def by_token_or_key(self, given: str) -> Principal:
        """Likewise. The principal of an API key is an administrator, and no user."""
        if not given.startswith(PREFIX):
            return await self.by_token(given)
        name = self._keys.name_of(given)
        if name is None:
            self._faults.note("sent an API key that is not known")
            raise TokenInvalid("The API key is not known.")
        return Principal("", "", admin=True, expires_at=_NEVER, key=name)
