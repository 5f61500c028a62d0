"""Tokens: who a JWT speaks for, and the making of tokens for the command line and the demo."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import jwt

from .context import nobodys
from .errors import TokenExpired, TokenInvalid, TokenMissing, Unavailable
from .faults import ClientFaults
from .models import USER_ID_MAX, Principal, user_key

logger = logging.getLogger(__name__)

SEND_SCOPE = "notifications:send"
JWKS_LIFETIME = 3600.0
"""Seconds until the key set is fetched anew. Twice as long after it was, it is not believed without asking."""
JWKS_COOL_DOWN = 30.0
"""Seconds between two fetches of the key set that unknown key ids may cause."""
JWKS_RETRY = 2.0
"""Seconds between two tries while it cannot be fetched and a key is wanted."""
REMEMBERED, REMEMBERED_LENGTH = 5_000, 2_048
"""How many verified tokens are remembered at most, and how many characters each may have."""
JWKS_TIMEOUT = 5.0
"""Seconds that its server has to answer."""


_TIMES = ("exp", "nbf", "iat")


class KeySource(Protocol):
    """Where the key that a token was signed with comes from."""

    @property
    def generation(self) -> int:
        """A number that changes when keys may have gone."""

    @property
    def failure(self) -> str | None:
        """Why keys cannot be had, in words; None: nothing is wrong."""

    async def prepare(self, token: str) -> None:
        """See to it that the key of this token is known, if it can be; that may take some seconds."""

    def retry(self) -> None:
        """After a failure: ask again, if it is time. Does not wait."""

    def __call__(self, token: str) -> Any:
        """The key, at once."""


@dataclass(frozen=True, slots=True)
class FixedKey:
    """One secret or public key for all tokens."""

    key: str
    generation: int = 0
    failure: str | None = None

    async def prepare(self, token: str) -> None: ...

    def retry(self) -> None: ...

    def __call__(self, token: str) -> str:
        return self.key


class JwksKeys:
    """The key set behind a URL: kept for an hour, and fetched again for an unknown `kid`, at most once per cool-down.

    It is fetched beside everything else, once at a time, and only who needs a key that is not known waits for that.
    While it cannot be fetched, the keys that are known go on to count; a token with another one is `Unavailable`. For
    tokens with other algorithms nothing is fetched: no key would make them valid.
    """

    def __init__(self, url: str, algorithms: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=JWKS_TIMEOUT)
        self._algorithms = algorithms
        self._clock = clock
        self._known: Sequence[jwt.PyJWK] = ()
        self._tried_at = -math.inf
        self.failure: str | None = None
        self._fetching: asyncio.Task[None] | None = None
        self.generation = 0

    async def prepare(self, token: str) -> None:
        try:
            key = self._key_of(token)
        except (jwt.PyJWTError, ValueError):
            return  # it is no token
        self._fetch_if_due(key)
        if self._fetching is not None and (key is None or self._outdated):
            await asyncio.wait([self._fetching], timeout=JWKS_TIMEOUT)

    def retry(self) -> None:
        if self.failure is not None:
            self._fetch_if_due(None)

    def __call__(self, token: str) -> Any:
        key = self._key_of(token)
        if key is not None:
            return key.key
        if self.failure is not None or self._fetching is not None:
            raise Unavailable("The keys for checking tokens cannot be fetched.")
        raise jwt.InvalidKeyError("no key with this kid")

    def _key_of(self, token: str) -> jwt.PyJWK | None:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in self._algorithms:
            raise jwt.InvalidAlgorithmError("the algorithm is not allowed")
        kid = header.get("kid")
        return next((key for key in self._known if kid in (None, key.key_id)), None)

    def _fetch_if_due(self, key: jwt.PyJWK | None) -> None:
        if self._fetching is None and self._due(key):
            self._fetching = asyncio.create_task(self._fetch(), name="key set", context=nobodys())

    def _due(self, key: jwt.PyJWK | None) -> bool:
        """Whether to ask for the keys, where this is the one that was found."""
        if key is None:
            pause = JWKS_RETRY if self.failure is not None else JWKS_COOL_DOWN
        else:
            pause = JWKS_COOL_DOWN if self.failure is not None else JWKS_LIFETIME
        return self._clock() - self._tried_at >= pause

    @property
    def _outdated(self) -> bool:
        """Whether a key may have been withdrawn long ago, because nobody has needed one since."""
        return self.failure is None and self._clock() - self._tried_at >= 2 * JWKS_LIFETIME

    async def _fetch(self) -> None:
        try:
            self._known = await asyncio.to_thread(self._client.get_signing_keys)
            self.failure = None
            self.generation += 1
        except Exception as error:  # whatever its server answers
            self.failure = f"{type(error).__name__}: {error}"
            logger.warning("the key set cannot be fetched: %s", self.failure)
        finally:
            self._tried_at = self._clock()
            self._fetching = None


class _Verified(NamedTuple):
    principal: Principal
    generation: int
    ends_at: float


class TokenVerifier:
    """Tells who a token speaks for.

    `exp` is required; `aud` and `iss` are checked when given. The user is the first of `user_claims` that the token
    has: a non-empty string of at most 128 characters, or an integer. An administrator's token has `admin_role` as its
    `role` or among its `roles`, in any case, or the scope `notifications:send`.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        algorithms: Sequence[str],
        user_claims: Sequence[str],
        admin_role: str,
        audience: str | None = None,
        issuer: str | None = None,
        leeway: float = 10,
    ) -> None:
        self._keys = keys
        self._algorithms = list(algorithms)
        self._user_claims = user_claims
        self._admin_role = admin_role.casefold()
        self._audience = audience
        self._issuer = issuer
        self._leeway = timedelta(seconds=leeway)
        self._faults = ClientFaults()
        self._verified: dict[str, _Verified] = {}
        self._options: Any = {
            "require": ["exp"],
            "verify_aud": audience is not None,
            "verify_iss": issuer is not None,
            "verify_sub": False,  # PyJWT would refuse the integer `sub` that front end C's tokens have
        }

    async def authenticate(self, token: object) -> Principal:
        """As `verify`, when the key set has been fetched where that is needed. Tokens that were verified are remembered
        until they expire or the keys change, and some thousands at a time."""
        if not isinstance(token, str):
            return self.verify(token)
        await self._keys.prepare(_bare(token))
        known = self._verified.get(token)
        if known is not None and known.generation == self._keys.generation and time.time() < known.ends_at:
            return known.principal
        principal = self.verify(token)
        self._remember(token, principal)
        return principal

    def _remember(self, token: str, principal: Principal) -> None:
        self._verified.pop(token, None)
        if len(token) > REMEMBERED_LENGTH:
            return
        if len(self._verified) >= REMEMBERED:
            del self._verified[next(iter(self._verified))]
        ends_at = principal.expires_at.timestamp() + self._leeway.total_seconds()  # which may be beyond the last year
        self._verified[token] = _Verified(principal, self._keys.generation, ends_at)

    def verify(self, token: object) -> Principal:
        """Who the token speaks for. A leading `Bearer` is dropped.

        Raises `TokenMissing`, `TokenExpired` or `TokenInvalid`; `Unavailable` when the key set cannot be fetched.
        The causes are logged, summed up; the token never is.
        """
        if token is None or token == "":
            raise TokenMissing
        if not isinstance(token, str):
            raise TokenInvalid
        try:
            claims = self._decode(_bare(token))
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise self._refused(type(error).__name__, str(error)) from None
        return self._principal(claims)

    def _decode(self, token: str) -> Mapping[str, Any]:
        return jwt.decode(
            token,
            self._keys(token),
            algorithms=self._algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway,
            options=self._options,
        )

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        claim = next((claims[name] for name in self._user_claims if claims.get(name) is not None), None)
        if isinstance(claim, bool) or not isinstance(claim, str | int):
            raise self._refused(f"none of the claims {', '.join(self._user_claims)} names a user")
        if isinstance(claim, int) and abs(claim) >= 2**63:
            raise self._refused("its user id has more than 64 bits")
        if not 1 <= len(user_key(claim)) <= USER_ID_MAX or "\x00" in user_key(claim):
            raise self._refused("its user id is empty, too long or has a NUL")
        if not all(_is_number(claims[name]) for name in _TIMES if name in claims):
            # PyJWT takes a text of digits too; what else reads such a token may not, and see no end to it.
            raise self._refused(f"one of {', '.join(_TIMES)} is not a number")
        try:
            user_key(claim).encode()
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (UnicodeEncodeError, OverflowError, OSError, ValueError):
            raise self._refused("its user id is not Unicode, or its exp is out of range") from None
        admin, issued_at = self._is_admin(claims), _issued_at(claims)
        return Principal(user_key(claim), claim, admin, expires, issued_at, claims.get("jti"))

    def _refused(self, why: str, detail: str = "") -> TokenInvalid:
        self._faults.note(f"sent a token that was refused: {why}", detail)
        return TokenInvalid()

    def _is_admin(self, claims: Mapping[str, Any]) -> bool:
        roles = claims.get("roles")
        named = [claims.get("role"), *(roles if isinstance(roles, list) else [roles])]
        if any(isinstance(role, str) and role.casefold() == self._admin_role for role in named):
            return True
        scope = claims.get("scope")
        scopes = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else []
        return SEND_SCOPE in scopes


class TokenIssuer:
    """Makes tokens that a `TokenVerifier` with the same settings accepts."""

    def __init__(
        self,
        secret: str,
        *,
        algorithm: str,
        user_claim: str,
        admin_role: str,
        audience: str | None = None,
        issuer: str | None = None,
    ) -> None:
        self._secret = secret
        self._algorithm = algorithm
        self._user_claim = user_claim
        self._admin_role = admin_role
        self._fixed = {name: value for name, value in (("aud", audience), ("iss", issuer)) if value is not None}

    def issue(self, user: str | int, *, ttl: float, now: datetime, admin: bool = False, name: str | None = None) -> str:
        """A token for `user` that expires `ttl` seconds after `now`."""
        claims: dict[str, Any] = {
            self._user_claim: user,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=ttl)).timestamp()),
            **self._fixed,
        }
        if admin:
            claims["role"] = self._admin_role
        if name:
            claims["name"] = name
        return jwt.encode(claims, self._secret, algorithm=self._algorithm)


def _issued_at(claims: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(claims["iat"], UTC)
    except (KeyError, OverflowError, OSError, ValueError):
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bare(token: str) -> str:
    scheme, _, rest = token.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else token.strip()
