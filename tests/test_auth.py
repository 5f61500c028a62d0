"""Tokens: which are accepted, whom they speak for, and where the keys come from."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from eventide_notify import auth
from eventide_notify.auth import (
    JWKS_COOL_DOWN,
    JWKS_LIFETIME,
    JWKS_RETRY,
    FixedKey,
    JwksKeys,
    TokenIssuer,
    TokenVerifier,
)
from eventide_notify.errors import TokenExpired, TokenInvalid, TokenMissing, Unavailable
from eventide_notify.models import Principal, utc_now

from .key_server import EC, ED, OTHER_RSA, RSA, KeyServer, key_server
from .waiting import until

SECRET = "a secret of more than thirty-two bytes"
CLAIMS = ("sub", "userId", "id")

Verify = Callable[[object], Principal]


def pem(key: Any) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(public.decode())


def verifier(key: str = SECRET, *algorithms: str, **options: Any) -> TokenVerifier:
    settings = {"user_claims": CLAIMS, "admin_role": "admin", "leeway": 0.0, **options}
    return TokenVerifier(FixedKey(key), algorithms=algorithms or ("HS256",), **settings)


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that are accepted, with these changes; None takes one away."""
    made = {"sub": "42", "exp": utc_now() + timedelta(minutes=1), **changes}
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers=headers)


def forged(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    return ".".join([part(json.dumps(header).encode()), part(json.dumps(payload).encode()), part(signature)])


# What is remembered


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The tokens that were really verified."""
    done: list[object] = []
    verify = TokenVerifier.verify

    def count(self: TokenVerifier, token: object) -> Principal:
        done.append(token)
        return verify(self, token)

    monkeypatch.setattr(TokenVerifier, "verify", count)
    return done


async def test_a_token_is_verified_once(verified: list[object]) -> None:
    by, one, another = verifier(), token(), token(sub="43")
    assert [(await by.authenticate(each)).user_id for each in (one, one, another, one)] == ["42", "42", "43", "42"]
    assert verified == [one, another]


async def test_a_remembered_token_expires(verified: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    by, given = verifier(leeway=10.0), token(exp=utc_now() - timedelta(seconds=5))
    await by.authenticate(given)
    later = time.time() + 6
    monkeypatch.setattr("eventide_notify.auth.time.time", lambda: later)
    monkeypatch.setattr(by, "_leeway", timedelta())  # PyJWT has a clock of its own
    with pytest.raises(TokenExpired):
        await by.authenticate(given)
    assert verified == [given, given]


async def test_a_token_until_the_end_of_time_is_remembered(verified: list[object]) -> None:
    by, given = verifier(leeway=10.0), token(exp=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert await by.authenticate(given) == await by.authenticate(given)
    assert verified == [given]


async def test_a_refused_token_is_not_remembered(verified: list[object]) -> None:
    by, given = verifier(), token("another secret of more than thirty-two bytes")
    for _ in range(2):
        with pytest.raises(TokenInvalid):
            await by.authenticate(given)
    assert verified == [given, given]


async def test_what_is_remembered_is_bounded(verified: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 3)
    by, given = verifier(), [token(sub=str(number)) for number in range(5)]
    for each in (*given, *given[2:], token(sub="x" * 128, more="x" * auth.REMEMBERED_LENGTH), given[0]):
        await by.authenticate(each)
    assert len(by._verified) == 3
    assert verified[:5] == given
    assert len(verified) == 7


# What a token must be


def test_a_token_speaks_for_its_user() -> None:
    expires = datetime(2999, 1, 1, tzinfo=UTC)
    assert verifier().verify(token(exp=expires)) == Principal("42", "42", admin=False, expires_at=expires)


@pytest.mark.parametrize(
    ("iat", "issued_at"),
    [
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1_700_000_000.25, datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)),
        (-(10**17), None),
        (None, None),
    ],
)
def test_a_token_says_when_it_was_issued(iat: float | None, issued_at: datetime | None) -> None:
    assert verifier().verify(token(iat=iat)).issued_at == issued_at


def test_a_token_may_have_an_id() -> None:
    assert verifier().verify(token(jti="a")).token_id == "a"
    with pytest.raises(TokenInvalid):
        verifier().verify(token(jti=1))


@pytest.mark.parametrize("start", ["Bearer ", "bearer ", "BEARER   ", " "])
def test_bearer_may_stand_before_it(start: str) -> None:
    assert verifier().verify(f"{start}{token()} ").user_id == "42"


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_token_is_missing(nothing: object) -> None:
    with pytest.raises(TokenMissing):
        verifier().verify(nothing)


@pytest.mark.parametrize(
    "wrong", [1, True, [], {}, b"x", "x", "x.y.z", "a.b", "...", "Bearer ", "\ud800", "é.é.é", "x" * 10**6]
)
def test_what_is_no_token_is_invalid(wrong: object) -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(wrong)


def test_a_changed_token_is_invalid() -> None:
    head, body, signature = token().split(".")
    other = token(sub="1").split(".")[1]
    for changed in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body}",
    ):
        with pytest.raises(TokenInvalid):
            verifier().verify(changed)


def test_another_secret_is_invalid() -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(token(SECRET + "x"))


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, ["HS256"]])
def test_an_unsigned_token_is_invalid(name: object) -> None:
    payload = claims(exp=2**32)
    for allowed in (("HS256",), ("HS256", "HS384", "HS512")):
        with pytest.raises(TokenInvalid):
            verifier(SECRET, *allowed).verify(forged({"alg": name, "typ": "JWT"}, payload))


def test_only_the_listed_algorithms_count() -> None:
    for algorithm in ("HS384", "HS512"):
        made = token(SECRET * 2, algorithm)
        assert verifier(SECRET * 2, "HS256", algorithm).verify(made).user_id == "42"
        with pytest.raises(TokenInvalid):
            verifier(SECRET * 2, "HS256").verify(made)


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RSA", "EC", "Ed25519"])
def test_a_public_key_is_no_secret(key: Any) -> None:
    public = pem(key)
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head, body, _ = forged({"alg": "HS256", "typ": "JWT"}, claims(exp=2**32)).split(".")
    signed = signature.sign(f"{head}.{body}".encode(), public.encode())
    confused = f"{head}.{body}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"
    with pytest.raises(TokenInvalid):
        verifier(public, "RS256", "ES256", "EdDSA").verify(confused)


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")], ids=["RSA", "EC", "Ed25519"]
)
def test_public_keys(key: Any, algorithm: str) -> None:
    check = verifier(pem(key), "RS256", "ES256", "EdDSA")
    assert check.verify(token(key, algorithm)).user_id == "42"
    with pytest.raises(TokenInvalid):
        check.verify(token(OTHER_RSA, "RS256"))
    with pytest.raises(TokenInvalid):
        check.verify(token())


# Time, audience, issuer


def test_exp_is_required() -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(token(exp=None))


def test_an_expired_token_is_expired() -> None:
    with pytest.raises(TokenExpired):
        verifier().verify(token(exp=utc_now() - timedelta(seconds=1)))


def test_leeway() -> None:
    late = token(exp=utc_now() - timedelta(seconds=30))
    assert verifier(leeway=60).verify(late).user_id == "42"
    with pytest.raises(TokenExpired):
        verifier(leeway=10).verify(late)
    early = token(nbf=utc_now() + timedelta(seconds=30))
    assert verifier(leeway=60).verify(early).user_id == "42"
    with pytest.raises(TokenInvalid):
        verifier(leeway=10).verify(early)


@pytest.mark.parametrize("exp", ["soon", [], {}, 1e300, 10**400, "NaN", -(10**20)], ids=lambda exp: str(exp)[:12])
def test_an_end_that_is_no_time_is_refused(exp: object) -> None:
    with pytest.raises((TokenInvalid, TokenExpired)):
        verifier().verify(forged_with_secret({"sub": "42", "exp": exp}))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400"])
def test_an_end_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(forged_with_secret(f'{{"sub": "42", "exp": {text}}}'))


def test_an_end_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(token(exp=10**15))


def test_audience_and_issuer_are_checked_when_set() -> None:
    named: dict[str, Any] = {"aud": ["app", "other"], "iss": "https://id.example.com"}
    assert verifier().verify(token(**named)).user_id == "42"
    strict = verifier(audience="app", issuer="https://id.example.com")
    assert strict.verify(token(**named)).user_id == "42"
    changes: list[dict[str, Any]] = [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
    ]
    for change in changes:
        with pytest.raises(TokenInvalid):
            strict.verify(token(**{**named, **change}))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [f"{2**32}", "1", True, [2**32]], ids=repr)
def test_a_time_that_is_no_number_is_refused(name: str, value: object) -> None:
    given = {"sub": "42", "exp": 2**32, name: value}
    with pytest.raises((TokenInvalid, TokenExpired)):
        verifier().verify(forged_with_secret(given))


def test_a_time_may_have_a_fraction() -> None:
    given = {"sub": "42", "exp": 2**32 + 0.5, "nbf": 1.5, "iat": 1.5}
    assert verifier().verify(forged_with_secret(given)).user_id == "42"


# Whom it speaks for


@pytest.mark.parametrize("claim", ["42", 42, 0, -1, 2**63 - 1, "x" * 128, "\N{OWL}" * 128, " ", "a/b"], ids=repr)
def test_users(claim: str | int) -> None:
    principal = verifier().verify(token(sub=claim))
    assert (principal.user_id, principal.claim) == (str(claim), claim)
    assert type(principal.claim) is type(claim)


@pytest.mark.parametrize(
    "claim",
    ["", "x" * 129, True, False, 1.0, 42.5, [], ["42"], {}, 2**63, 10**400, "a\x00", "\ud800"],
    ids=lambda c: repr(c)[:20],
)
def test_what_names_no_user_is_refused(claim: object) -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(forged_with_secret({"sub": claim, "exp": 2**32}))


@pytest.mark.parametrize(
    ("given", "user"),
    [
        ({"sub": "1", "userId": "2", "id": "3"}, "1"),
        ({"sub": None, "userId": "2", "id": "3"}, "2"),
        ({"sub": None, "userId": None, "id": 3}, "3"),
    ],
)
def test_the_first_of_the_claims_names_the_user(given: dict[str, Any], user: str) -> None:
    assert verifier().verify(token(**given)).user_id == user


def test_a_null_claim_is_as_good_as_absent() -> None:
    made = forged_with_secret({"sub": None, "userId": 7, "exp": 2**32})
    assert verifier().verify(made).user_id == "7"


def test_a_wrong_claim_does_not_make_way_for_the_next() -> None:
    with pytest.raises(TokenInvalid):
        verifier().verify(token(sub="", userId="7"))


def test_the_claim_may_be_another() -> None:
    check = verifier(user_claims=("uid",))
    assert check.verify(token(uid=9)).user_id == "9"
    with pytest.raises(TokenInvalid):
        check.verify(token())


@pytest.mark.parametrize(
    ("given", "admin"),
    [
        ({"role": "Operator"}, True), ({"role": "OPERATOR"}, True), ({"roles": ["x", "operator"]}, True),
        ({"scope": "a notifications:send"}, True), ({"scope": ["notifications:send"]}, True),
        ({"role": "admin"}, False), ({"roles": ["operators"]}, False), ({"scope": "operator"}, False), ({}, False),
    ],
    ids=str,
)  # fmt: skip
def test_the_administrators_role_is_a_setting(given: dict[str, Any], admin: bool) -> None:
    assert verifier(admin_role="operator").verify(token(**given)).admin is admin


# The log


def test_the_log_has_the_cause_and_never_the_token(caplog: pytest.LogCaptureFixture) -> None:
    refused = [token(SECRET + "x"), token(sub="a-secret-user\x00"), token(exp=None), token(OTHER_RSA, "RS256"), "a.b.c"]
    with caplog.at_level(logging.DEBUG):
        for made in refused:
            with pytest.raises(TokenInvalid):
                verifier().verify(made)
    assert len(caplog.messages) == len(refused)
    assert all("sent a token that was refused" in message for message in caplog.messages)
    parts = {part for made in refused for part in made.split(".") if len(part) > 3}
    assert not any(part in caplog.text for part in parts | {"a-secret-user"})


def test_tokens_that_are_refused_are_counted_and_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    check = verifier()
    made = forged({"alg": "HS256", "crit": ["x\n12:00:00 INFO    somebody: forged\u2028\x1b[2J"]}, claims(exp=2**32))
    with caplog.at_level(logging.DEBUG):
        for _ in range(1_000):
            with pytest.raises(TokenInvalid):
                check.verify(made)
    [message] = caplog.messages
    assert message.isprintable()


# Making tokens


@pytest.mark.parametrize("user", ["42", 42, "\N{OWL}"])
def test_the_issuers_tokens_are_accepted(user: str | int) -> None:
    options = {"audience": "app", "issuer": "us"}
    issuer = TokenIssuer(SECRET, algorithm="HS256", user_claim="uid", admin_role="boss", **options)
    check = verifier(user_claims=("uid",), admin_role="boss", **options)
    now = utc_now().replace(microsecond=0)
    plain = check.verify(issuer.issue(user, ttl=60, now=now))
    assert plain == Principal(str(user), user, admin=False, expires_at=now + timedelta(seconds=60), issued_at=now)
    assert check.verify(issuer.issue(user, ttl=60, now=now, admin=True, name="Somebody")).admin


# Key sets


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


ASYMMETRIC = ("RS256", "ES256", "EdDSA")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def by_set(keys: KeyServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> TokenVerifier:
    monkeypatch.setattr(auth, "JWKS_TIMEOUT", 30.0)  # while the machine stands still nobody gives up
    source = JwksKeys(keys.url, ASYMMETRIC, clock=clock)
    return TokenVerifier(source, algorithms=ASYMMETRIC, user_claims=CLAIMS, admin_role="admin", leeway=0)


def signed(kid: str | None, key: Any = RSA, algorithm: str = "RS256") -> str:
    return token(key, algorithm, headers={"kid": kid} if kid else None)


async def test_the_key_is_found_by_its_id_and_kept(keys: KeyServer, by_set: TokenVerifier, clock: Clock) -> None:
    keys.has(a=RSA, b=EC, c=ED)
    for _ in range(3):
        assert (await by_set.authenticate(signed("a"))).user_id == "42"
        assert (await by_set.authenticate(signed("b", EC, "ES256"))).user_id == "42"
        assert (await by_set.authenticate(signed("c", ED, "EdDSA"))).user_id == "42"
        clock.now += JWKS_LIFETIME / 4
    assert keys.asked == 1


async def test_a_token_without_an_id_is_checked_with_the_first(keys: KeyServer, by_set: TokenVerifier) -> None:
    keys.has(a=RSA)
    assert (await by_set.authenticate(signed(None))).user_id == "42"


async def test_after_an_hour_the_set_is_fetched_anew(keys: KeyServer, by_set: TokenVerifier, clock: Clock) -> None:
    keys.has(a=RSA)
    await by_set.authenticate(signed("a"))
    keys.has(b=OTHER_RSA)  # "a" was withdrawn
    clock.now += JWKS_LIFETIME
    await by_set.authenticate(signed("a"))  # and nobody waits
    assert (await by_set.authenticate(signed("b", OTHER_RSA))).user_id == "42"
    with pytest.raises(TokenInvalid):
        await by_set.authenticate(signed("a"))
    assert keys.asked == 2


async def test_a_key_that_was_withdrawn_long_ago_is_not_believed(
    keys: KeyServer, by_set: TokenVerifier, clock: Clock
) -> None:
    keys.has(a=RSA)
    await by_set.authenticate(signed("a"))
    keys.has(b=OTHER_RSA)
    clock.now += 2 * JWKS_LIFETIME
    with pytest.raises(TokenInvalid):
        await by_set.authenticate(signed("a"))
    assert keys.asked == 2


async def test_while_a_refresh_hangs_the_known_keys_count_at_once(
    keys: KeyServer, by_set: TokenVerifier, clock: Clock
) -> None:
    keys.has(a=RSA)
    await by_set.authenticate(signed("a"))
    keys.has(a=RSA, new=OTHER_RSA)
    keys.answers.clear()
    clock.now += JWKS_LIFETIME
    waiting = [asyncio.create_task(by_set.authenticate(signed("new", OTHER_RSA))) for _ in range(3)]
    for _ in range(100):
        assert (await by_set.authenticate(signed("a"))).user_id == "42"
    await until(lambda: keys.asked == 2)
    assert not any(task.done() for task in waiting)
    keys.answers.set()
    assert {principal.user_id for principal in await asyncio.gather(*waiting)} == {"42"}
    assert keys.asked == 2


async def test_nobody_waits_for_ever(
    keys: KeyServer, by_set: TokenVerifier, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.has(a=RSA)
    keys.answers.clear()
    monkeypatch.setattr(auth, "JWKS_TIMEOUT", 0.05)  # of those who wait; not of the request
    for _ in range(2):
        with pytest.raises(Unavailable):
            await by_set.authenticate(signed("a"))
    await until(lambda: keys.asked)  # the server may come to it later
    assert keys.asked == 1
    keys.answers.set()
    monkeypatch.undo()
    assert (await by_set.authenticate(signed("a"))).user_id == "42"


async def test_after_a_fetch_nothing_is_remembered(keys: KeyServer, by_set: TokenVerifier, clock: Clock) -> None:
    keys.has(a=RSA)
    given = signed("a")
    await by_set.authenticate(given)
    keys.has(b=OTHER_RSA)
    clock.now += JWKS_LIFETIME
    await by_set.authenticate(given)  # which causes the fetch, and does not wait for it
    assert (await by_set.authenticate(signed("b", OTHER_RSA))).user_id == "42"
    with pytest.raises(TokenInvalid):
        await by_set.authenticate(given)


async def test_the_wrong_key_under_a_known_id_is_invalid(keys: KeyServer, by_set: TokenVerifier) -> None:
    keys.has(a=RSA, b=EC)
    for made in (signed("a", OTHER_RSA), signed("b", RSA), signed("a", EC, "ES256")):
        with pytest.raises(TokenInvalid):
            await by_set.authenticate(made)


async def test_an_unknown_id_causes_one_fetch_in_each_cool_down(
    keys: KeyServer, by_set: TokenVerifier, clock: Clock
) -> None:
    keys.has(a=RSA)
    await by_set.authenticate(signed("a"))
    keys.has(a=RSA, new=OTHER_RSA)
    for _ in range(5):
        with pytest.raises(TokenInvalid):
            await by_set.authenticate(signed("new", OTHER_RSA))
    assert keys.asked == 1
    clock.now += JWKS_COOL_DOWN
    assert (await by_set.authenticate(signed("new", OTHER_RSA))).user_id == "42"
    for forgery in range(5):
        with pytest.raises(TokenInvalid):
            await by_set.authenticate(signed(f"unknown-{forgery}"))
    assert keys.asked == 2


async def test_what_is_no_token_causes_no_fetch(keys: KeyServer, by_set: TokenVerifier) -> None:
    with pytest.raises(TokenInvalid):
        await by_set.authenticate("x.y.z")
    assert keys.asked == 0


async def test_an_unreachable_set_is_unavailable(keys: KeyServer, by_set: TokenVerifier, clock: Clock) -> None:
    keys.answer = None
    for _ in range(5):
        with pytest.raises(Unavailable):
            await by_set.authenticate(signed("a"))
    assert keys.asked == 1  # whoever comes next is told at once
    keys.has(a=RSA)
    clock.now += JWKS_RETRY
    assert (await by_set.authenticate(signed("a"))).user_id == "42"


async def test_a_token_that_no_key_makes_valid_is_not_asked_for(keys: KeyServer, by_set: TokenVerifier) -> None:
    keys.answer = None
    with pytest.raises(TokenInvalid):
        await by_set.authenticate(token("secret" * 8, "HS256", headers={"kid": "a"}))
    assert keys.asked == 0


async def test_after_a_failure_it_may_be_asked_for_without_a_token(keys: KeyServer, clock: Clock) -> None:
    source = JwksKeys(keys.url, ASYMMETRIC, clock=clock)
    source.retry()
    await source.prepare(signed("a"))
    assert keys.asked == 1  # before, nothing had failed
    keys.has(a=RSA)
    source.retry()
    clock.now += JWKS_RETRY
    assert source.failure is not None
    source.retry()
    await until(lambda: source.failure is None)
    assert keys.asked == 2


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "?"}]}', b"\xff"]
)
async def test_a_set_that_is_none_is_unavailable(keys: KeyServer, by_set: TokenVerifier, answer: bytes) -> None:
    keys.answer = answer
    with pytest.raises(Unavailable):
        await by_set.authenticate(signed("a"))


async def test_while_the_set_is_away_the_known_keys_count(keys: KeyServer, by_set: TokenVerifier, clock: Clock) -> None:
    keys.has(a=RSA)
    await by_set.authenticate(signed("a"))
    keys.answer = None
    clock.now += JWKS_LIFETIME
    assert (await by_set.authenticate(signed("a"))).user_id == "42"
    with pytest.raises(Unavailable):
        await by_set.authenticate(signed("new", OTHER_RSA))


async def test_those_who_come_at_once_cause_one_fetch(keys: KeyServer, by_set: TokenVerifier) -> None:
    keys.has(a=RSA)
    found = await asyncio.gather(*(by_set.authenticate(signed("a")) for _ in range(16)))
    assert {principal.user_id for principal in found} == {"42"}
    assert keys.asked == 1


def forged_with_secret(payload: dict[str, Any] | str) -> str:
    """Signed with the right secret, by somebody who does not keep to PyJWT's rules."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return jwt.api_jws.encode(text.encode("utf-8", "surrogatepass"), SECRET, "HS256")
