"""Tokens: who a JWT speaks for, and the making of tokens for the command line and the demo."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from .errors import TokenExpired, TokenInvalid, TokenMissing, Unavailable
from .models import USER_ID_MAX, Principal, user_key

logger = logging.getLogger(__name__)

SEND_SCOPE = "notifications:send"
JWKS_LIFETIME = 3600.0
"""Seconds until the key set is fetched anew."""
JWKS_COOL_DOWN = 30.0
"""Seconds between two fetches of the key set that unknown key ids may cause."""
JWKS_RETRY = 2.0
"""Seconds between two tries while it cannot be fetched and a key is wanted."""
JWKS_TIMEOUT = 5.0
"""Seconds that its server has to answer."""


class KeySource(Protocol):
    """Where the key that a token was signed with comes from. May block; `blocking` says whether it ever does."""

    @property
    def blocking(self) -> bool: ...

    def __call__(self, token: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class FixedKey:
    """One secret or public key for all tokens."""

    key: str
    blocking: bool = False

    def __call__(self, token: str) -> str:
        return self.key


class JwksKeys:
    """The key set behind a URL: kept for an hour, and fetched again for an unknown `kid`, at most once per cool-down.

    While it cannot be fetched, the keys that are known go on to count; a token with another one is `Unavailable`.
    """

    blocking = True

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=JWKS_TIMEOUT)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Sequence[jwt.PyJWK] = ()
        self._tried_at = -math.inf
        self._failed = False

    def __call__(self, token: str) -> Any:
        kid = jwt.get_unverified_header(token).get("kid")
        key = self._find(kid)
        if self._due(key):
            with self._lock:
                key = self._find(kid)
                if self._due(key):
                    self._fetch()
                    key = self._find(kid)
        if key is not None:
            return key.key
        if self._failed:
            raise Unavailable("The keys that tokens are checked with cannot be fetched.")
        raise jwt.InvalidKeyError("no key with this kid")

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        return next((key for key in self._known if kid in (None, key.key_id)), None)

    def _due(self, key: jwt.PyJWK | None) -> bool:
        """Whether to ask for the keys, where this is the one that was found."""
        if key is None:
            pause = JWKS_RETRY if self._failed else JWKS_COOL_DOWN
        else:
            pause = JWKS_COOL_DOWN if self._failed else JWKS_LIFETIME
        return self._clock() - self._tried_at >= pause

    def _fetch(self) -> None:
        try:
            self._known = self._client.get_signing_keys()
            self._failed = False
        except (jwt.PyJWTError, OSError, ValueError) as error:
            logger.warning("the key set cannot be fetched: %s", error)
            self._failed = True
        self._tried_at = self._clock()


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
        self._options: Any = {
            "require": ["exp"],
            "verify_aud": audience is not None,
            "verify_iss": issuer is not None,
            "verify_sub": False,  # PyJWT would refuse the integer `sub` that front end C's tokens have
        }

    @property
    def blocking(self) -> bool:
        """Whether `verify` may wait for the network, and so belongs into a thread."""
        return self._keys.blocking

    def verify(self, token: object) -> Principal:
        """Who the token speaks for. A leading `Bearer` is dropped.

        Raises `TokenMissing`, `TokenExpired` or `TokenInvalid`; `Unavailable` when the key set cannot be fetched.
        The cause is logged, the token never is.
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
            logger.info("a token was refused: %s: %s", type(error).__name__, error)
            raise TokenInvalid from None
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
            logger.info("a token was refused: none of the claims %s names a user", ", ".join(self._user_claims))
            raise TokenInvalid
        if isinstance(claim, int) and abs(claim) >= 2**63:
            logger.info("a token was refused: its user id has more than 64 bits")
            raise TokenInvalid
        if not 1 <= len(user_key(claim)) <= USER_ID_MAX or "\x00" in user_key(claim):
            logger.info("a token was refused: its user id is empty, too long or has a NUL")
            raise TokenInvalid
        try:
            user_key(claim).encode()
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (UnicodeEncodeError, OverflowError, OSError, ValueError):
            logger.info("a token was refused: its user id is not Unicode, or its exp is out of range")
            raise TokenInvalid from None
        return Principal(user_key(claim), claim, self._is_admin(claims), expires)

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


def _bare(token: str) -> str:
    scheme, _, rest = token.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else token.strip()
