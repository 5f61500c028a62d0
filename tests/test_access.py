"""Who is let in: API keys, and tokens that are not revoked."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest

from eventide_notify import audit
from eventide_notify.access import Access, ApiKeys, entry_of, is_key_name, new_key
from eventide_notify.errors import TokenInvalid, TokenRevoked
from eventide_notify.models import USER_ID_MAX, Principal
from eventide_notify.revocation import Revocation

NOW = datetime(2026, 11, 20, 9, 0, 0, 500_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALICE = Principal("alice", "alice", admin=False, expires_at=NOW + SECOND, issued_at=NOW, token_id="a")
ZEROS = "0" * 64


# API keys


def test_a_key_is_hard_to_guess_and_its_entry_does_not_tell_it() -> None:
    key = new_key()
    assert re.fullmatch(r"evk_[A-Za-z0-9_-]{43}", key)
    assert key != new_key()
    assert entry_of("shop", key) == f"shop:{hashlib.sha256(key.encode()).hexdigest()}"


def test_every_key_in_the_settings_counts() -> None:
    old, new, other = new_key(), new_key(), new_key()
    keys = ApiKeys([entry_of("shop", old), entry_of("shop", new), entry_of("billing", other).upper()])
    assert [keys.name_of(each) for each in (old, new, other)] == ["shop", "shop", "BILLING"]
    assert keys.names == ["shop", "shop", "BILLING"]
    for wrong in (new_key(), old[:-1], f"{old} ", "evk_", "", "\ud800", entry_of("shop", old)):
        assert keys.name_of(wrong) is None


def test_all_are_compared_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the time that an answer takes tells nothing of the keys."""
    compared: list[str] = []
    compare_digest = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append(one)
        return compare_digest(one, other)

    given = [new_key() for _ in range(3)]
    keys = ApiKeys(entry_of("name", each) for each in given)
    monkeypatch.setattr("eventide_notify.access.hmac.compare_digest", compare)
    for each in (*given, new_key()):
        compared.clear()
        keys.name_of(each)
        assert len(compared) == 3


@pytest.mark.parametrize(
    "wrong", ["shop", "shop:", f":{ZEROS}", f"a b:{ZEROS}", f"{'x' * 65}:{ZEROS}", f"shop:{ZEROS}0", f"shop:{'g' * 64}"]
)
def test_an_entry_that_is_none_is_told_by_its_place(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^entry 2 is not name:sha256"):
        ApiKeys([f"shop:{ZEROS}", wrong])


def test_a_key_in_place_of_its_entry_is_not_repeated() -> None:
    key = new_key()
    for entry in (key, f"shop:{key}"):
        with pytest.raises(ValueError, match="entry 1") as error:
            ApiKeys([entry])
        assert key not in str(error.value)


def test_one_key_has_one_name() -> None:
    with pytest.raises(ValueError, match=r"^entry 2 has the same key"):
        ApiKeys([f"shop:{'a' * 64}", f"billing:{'A' * 64}"])


@pytest.mark.parametrize(("name", "good"), [("shop-2.eu_x", True), ("", False), ("a,b", False), ("a:b", False)])
def test_names(name: str, good: bool) -> None:
    assert is_key_name(name) is good


# Who asks


async def known(token: object) -> Principal:
    if token != "token":
        raise TokenInvalid
    return ALICE


def gate(*revoked: Principal, keys: tuple[str, ...] = ()) -> Access:
    return Access(known, lambda principal: principal in revoked, ApiKeys(keys))


async def test_a_token_that_is_not_revoked_is_let_in() -> None:
    assert await gate().by_token("token") == await gate().by_token_or_key("token") == ALICE


async def test_a_revoked_token_is_not() -> None:
    by = gate(ALICE)
    for attempt in (by.by_token, by.by_token_or_key):
        with pytest.raises(TokenRevoked):
            await attempt("token")
        with pytest.raises(TokenInvalid):
            await attempt("forged")  # of which nobody learns whether it was revoked


async def test_a_key_is_an_administrators_and_no_users(caplog: pytest.LogCaptureFixture) -> None:
    key, unknown = new_key(), new_key()
    by = gate(keys=(entry_of("shop", key),))
    principal = await by.by_token_or_key(key)
    assert (principal.admin, principal.user_id, principal.key) == (True, "", "shop")
    with pytest.raises(TokenInvalid, match="API key"):
        await by.by_token_or_key(unknown)
    with pytest.raises(TokenInvalid):
        await by.by_token(key)
    assert unknown not in caplog.text


def test_nobody_shares_a_keys_idempotency_keys() -> None:
    key = Principal("", "", admin=True, expires_at=NOW, key="shop")
    assert (ALICE.caller, ALICE.actor) == ("alice", "user:alice")
    assert len(key.caller) > USER_ID_MAX
    assert key.actor == "key:shop"


# What a revocation is about


def of_user(issued_before: datetime | None) -> Revocation:
    return Revocation("id", NOW, NOW, "alice", issued_before)


def issued(at: datetime | None, user: str = "alice") -> Principal:
    return Principal(user, user, admin=False, expires_at=NOW, issued_at=at)


def test_of_a_user_what_was_issued_before() -> None:
    revocation = of_user(NOW)
    assert revocation.refuses(issued(NOW - SECOND))
    assert revocation.refuses(issued(None)), "it may be of any time"
    for other in (issued(NOW), issued(NOW + SECOND), issued(NOW - SECOND, user="bob"), issued(None, user="bob")):
        assert not revocation.refuses(other)
        assert not revocation.ends(other)
    assert revocation.ends(issued(None))


def test_those_with_an_id() -> None:
    revocation = Revocation("id", NOW, NOW, token_id="a")
    assert revocation.refuses(ALICE)
    assert revocation.ends(ALICE)
    assert not revocation.refuses(issued(None))
    assert not revocation.is_disconnect


def test_a_disconnect_ends_transports_and_refuses_nothing() -> None:
    disconnect = of_user(None)
    assert disconnect.is_disconnect
    assert disconnect.ends(ALICE)
    assert not disconnect.ends(issued(NOW, user="bob"))
    assert not disconnect.refuses(ALICE)


# The audit log


def test_a_line_says_who_did_what(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "eventide_notify.audit")
    audit.note(ALICE.actor, "revoke", 'user:b"\nob', revocation="1")
    [record] = caplog.records
    assert record.getMessage() == 'actor="user:alice" action="revoke" subject="user:b\\"\\nob" revocation="1"'
    fields = {"actor": "user:alice", "action": "revoke", "subject": 'user:b"\nob', "details": {"revocation": "1"}}
    assert fields.items() <= vars(record).items()
