"""What an instance knows of revocations, through the channel and the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify.channel.calls import Calls
from eventide_notify.errors import InvalidRequest, NotFound, Unavailable
from eventide_notify.models import IdGenerator, Principal, utc_now
from eventide_notify.revocation import Revocation
from eventide_notify.service import revocations as module
from eventide_notify.service.revocations import READ_ALL_EVERY, Revocations
from eventide_notify.store import Store, create_store

from ..instances.test_calls import Instances

KEPT = timedelta(days=400)
HOUR = timedelta(hours=1)
PAST = datetime(2026, 1, 1, tzinfo=UTC)


class Instance:
    """One instance: what it knows, and for what it has closed transports."""

    def __init__(self, store: Store, calls: Calls) -> None:
        self.now = 0.0
        self.ended: list[Revocation] = []
        self.revocations = Revocations(store, calls, self._end, kept=KEPT, clock=utc_now, monotonic=lambda: self.now)

    def _end(self, revocation: Revocation) -> int:
        self.ended.append(revocation)
        return 2

    def refuses(self, user: str = "alice", **fields: Any) -> bool:
        """Whether it refuses such a token, which was issued now unless told otherwise."""
        principal = Principal(
            user, user, admin=False, **{"expires_at": utc_now() + HOUR, "issued_at": utc_now(), **fields}
        )
        return self.revocations.is_revoked(principal)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = create_store("sqlite://")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def channel() -> Instances:
    return Instances("one", "two")


@pytest.fixture
async def pair(store: Store, channel: Instances) -> tuple[Instance, Instance]:
    one, two = (Instance(store, calls) for calls in channel.calls.values())
    for each in (one, two):
        await each.revocations.read()
    return one, two


Pair = tuple[Instance, Instance]


async def test_all_instances_know_it_at_once(pair: Pair) -> None:
    made = await pair[0].revocations.revoke_token("a")
    assert made.expires_at - made.created_at == KEPT
    for each in pair:
        assert each.refuses(token_id="a")
        assert not each.refuses(token_id="b")
        assert not each.refuses()
        assert each.ended == [made]
        await each.revocations.read()
        assert each.ended == [made], "what came through the channel is not new in the store"


async def test_a_disconnect_that_is_not_saved_yet_is_carried_out_once(
    pair: Pair, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = store.add_revocation

    async def read_before(made: Revocation) -> None:
        for each in pair:
            each.now += READ_ALL_EVERY
            await each.revocations.read()
        await save(made)

    monkeypatch.setattr(store, "add_revocation", read_before)
    assert await pair[0].revocations.disconnect("alice") == 4
    for each in pair:
        await each.revocations.read()
        assert len(each.ended) == 1


async def test_what_the_channel_lost_is_read_from_the_store(pair: Pair, channel: Instances) -> None:
    one, two = pair
    channel.lost.add("two")
    made = await one.revocations.revoke_user("alice", issued_before=PAST)
    assert not two.refuses(issued_at=None)
    await two.revocations.read()
    assert two.refuses(issued_at=None)
    assert two.ended == [made]


async def test_what_others_saved_late_is_read(pair: Pair, store: Store) -> None:
    """Its id is of the time when it was made."""
    old = utc_now() - timedelta(seconds=30)
    await store.add_revocation(Revocation(IdGenerator()(old), old, old + KEPT, token_id="late"))
    await pair[0].revocations.read()
    assert pair[0].refuses(token_id="late")


async def test_after_an_outage_of_the_store_everything_since_is_read(
    pair: Pair, store: Store, channel: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    monkeypatch.setattr(module, "MARGIN", timedelta())
    channel.lost.add("two")

    async def away(**_: object) -> list[Revocation]:
        raise Unavailable

    await one.revocations.revoke_token("a")
    with monkeypatch.context() as patch:
        patch.setattr(store, "revocations", away)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await two.revocations.read()
    await two.revocations.read()
    assert two.refuses(token_id="a")


async def test_an_instance_that_starts_knows_all(store: Store, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(5):
        await pair[0].revocations.revoke_token(str(number))
    later = Instance(store, Instances("three").calls["three"])
    assert not later.refuses(token_id="0")
    await later.revocations.read()
    assert all(later.refuses(token_id=str(number)) for number in range(5))


async def test_tokens_of_the_same_second_are_revoked_and_later_ones_are_not(pair: Pair) -> None:
    """`iat` is in whole seconds: when this returns, a new token is one of the next second."""
    this_second = utc_now().replace(microsecond=0)
    made = await pair[0].revocations.revoke_user("alice")
    assert made.issued_before is not None
    assert this_second < made.issued_before == made.created_at.replace(microsecond=0) + timedelta(seconds=1)
    for each in pair:
        assert each.refuses(issued_at=this_second)
        assert each.refuses(issued_at=made.issued_before - timedelta(seconds=1))
        assert each.refuses(issued_at=None)
        assert not each.refuses(issued_at=utc_now().replace(microsecond=0))
        assert not each.refuses("bob", issued_at=None)


async def test_unrevoking(pair: Pair, store: Store) -> None:
    one, two = pair
    first, second = [await one.revocations.revoke_user("alice", issued_before=utc_now() + HOUR) for _ in range(2)]
    assert await two.revocations.unrevoke(first.id) == first
    assert one.refuses(), "the other one holds"
    await two.revocations.unrevoke(second.id)
    assert not one.refuses()
    assert not two.refuses()
    for wrong in (first.id, "nonsense"):
        with pytest.raises(NotFound):
            await one.revocations.unrevoke(wrong)
    assert await store.revocations(after="", limit=10) == []


async def test_an_unrevocation_that_the_channel_lost_is_noticed_later(pair: Pair, channel: Instances) -> None:
    one, two = pair
    made = await one.revocations.revoke_token("a")
    channel.lost.add("two")
    await one.revocations.unrevoke(made.id)
    two.now = READ_ALL_EVERY + 1
    await two.revocations.read()
    assert not two.refuses(token_id="a")
    assert two.revocations.listed(limit=10) == []


async def test_what_is_removed_while_it_is_read_does_not_come_back(
    pair: Pair, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    made = await one.revocations.revoke_token("a")
    read = store.revocations

    async def slow(**wanted: Any) -> Any:
        found = await read(**wanted)
        if made in found:
            await one.revocations.unrevoke(made.id)
        return found

    for two.now in (0, READ_ALL_EVERY + 1, 2 * READ_ALL_EVERY + 2):
        with monkeypatch.context() as patch:
            patch.setattr(store, "revocations", slow)
            await two.revocations.read()
        assert not two.refuses(token_id="a")
    assert two.revocations._removed == set(), "and is forgotten"


async def test_checking_a_token_asks_nobody(pair: Pair, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = pair
    await one.revocations.revoke_token("a")
    monkeypatch.delattr(type(store), "revocations")
    assert one.refuses(token_id="a")
    assert not one.refuses(token_id="b")


async def test_expiry(pair: Pair) -> None:
    revocations, end = pair[0].revocations, utc_now() + HOUR
    for made in (
        await revocations.revoke_token("a", expires_at=end),
        await revocations.revoke_user("alice", issued_before=PAST, expires_at=end),
    ):
        assert made.expires_at == end
    far = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert (await revocations.revoke_user("bob", issued_before=far)).expires_at == datetime(9999, 12, 31, tzinfo=UTC)
    with pytest.raises(InvalidRequest, match="in the future"):
        await revocations.revoke_token("a", expires_at=utc_now())


async def test_a_token_that_outlives_its_revocation_is_warned_of(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    one, _ = pair
    long = utc_now() + KEPT + HOUR
    one.refuses(expires_at=long)
    assert caplog.messages == [], "nothing is revoked"
    await one.revocations.revoke_token("a")
    for _ in range(2):
        one.refuses(expires_at=utc_now() + KEPT - HOUR)
        one.refuses(expires_at=long)
    [line] = caplog.messages
    assert "EVENTIDE_REVOCATION_DAYS" in line


# Disconnecting


async def test_a_disconnect_is_counted_over_all_instances(pair: Pair, store: Store) -> None:
    one, _ = pair
    assert await one.revocations.disconnect("alice") == 4
    for each in pair:
        assert [made.is_disconnect for made in each.ended] == [True]
        assert not each.refuses(issued_at=None)
        await each.revocations.read()
        assert len(each.ended) == 1, "who comes back is not disconnected again"
        assert each.revocations.listed(limit=10) == []
    with pytest.raises(NotFound):
        await one.revocations.unrevoke(one.ended[0].id)


async def test_a_disconnect_that_the_channel_lost_is_read_from_the_store(
    pair: Pair, channel: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    ask = channel.calls["one"].ask

    async def impatient(name: str, **arguments: Any) -> Mapping[str, Any]:
        return await ask(name, within=0.1, **arguments)

    monkeypatch.setattr(channel.calls["one"], "ask", impatient)
    channel.lost.add("two")
    assert await one.revocations.disconnect("alice") == 2
    assert two.ended == []
    await two.revocations.read()
    assert two.ended == one.ended


@pytest.mark.parametrize("ask", [Revocations.disconnect, Revocations.revoke_user])
async def test_whom_there_cannot_be(pair: Pair, ask: Callable[..., Awaitable[object]]) -> None:
    with pytest.raises(InvalidRequest):
        await ask(pair[0].revocations, "x" * 129)
    assert pair[0].ended == []


async def test_the_list_is_newest_first_and_read_piece_by_piece(pair: Pair) -> None:
    made = [await pair[0].revocations.revoke_token(str(number)) for number in range(4)]
    await pair[0].revocations.disconnect("alice")
    newest = made[::-1]
    for each in pair:
        listed = each.revocations.listed
        assert [listed(limit=9), listed(limit=3), listed(limit=9, cursor=made[2].id)] == [
            newest,
            newest[:3],
            newest[2:],
        ]
