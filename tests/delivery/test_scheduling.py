"""What is scheduled is sent once or cancelled, never both, whoever does the work and however often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify import wire
from eventide_notify.due import Work
from eventide_notify.errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown
from eventide_notify.metrics import Metrics
from eventide_notify.models import Change, Draft, Notification
from eventide_notify.presence import MemoryPresence
from eventide_notify.service import NotificationService, notifications, scheduling
from eventide_notify.service.due import LEASE, DueWork
from eventide_notify.service.journal import Journal
from eventide_notify.service.scheduling import ANNOUNCE, SEND, Scheduled
from eventide_notify.store import Store, create_store

from .test_once import Screens

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
HELLO = Draft(message="hello", data={"a": [1]}, title="Title")


class Desk:
    """A service over a store, and two instances of the work, in a time that the test makes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.screens = Screens()
        self.metrics = Metrics()
        self.service = NotificationService(
            store,
            self.screens,
            MemoryPresence(),
            clock=lambda: self.now,
            metrics=self.metrics,
            journal=Journal(),
            announcement_lifetime=DAY,
        )
        self.work, self.other = self._work(), self._work()

    def _work(self) -> DueWork:
        work = DueWork(self.store, clock=lambda: self.now, metrics=self.metrics)
        work.handle(SEND, self.service.send_due)
        work.handle(ANNOUNCE, self.service.announce_due)
        return work

    async def send(self, users: Sequence[str] = ("42",), *, later: timedelta = SECOND, **options: Any) -> Any:
        return await self.service.send(users, HELLO, send_at=START + later, **options)

    async def saved(self) -> Sequence[Notification]:
        return await self.store.since("", limit=100)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = create_store("sqlite://")
    await store.open()
    yield Desk(store)
    await store.close()


async def test_it_gets_its_ids_when_it_is_due(desk: Desk) -> None:
    made = await desk.send(["42", "43"], expires_at=START + DAY, collapse_key="key")
    assert made == Scheduled(made.id, SEND, START + SECOND, 2, HELLO, expires_at=START + DAY)
    assert list(await desk.service.schedule.page(after=None, limit=10)) == [made]
    meanwhile = (await desk.service.send(["42"], HELLO))[0]
    await desk.work.round()
    assert await desk.saved() == [meanwhile]
    desk.now += SECOND
    await desk.work.round()
    first, second, third = await desk.saved()
    assert (first, [second.user_id, third.user_id]) == (meanwhile, ["42", "43"])
    assert (second.content, second.created_at) == (HELLO, desk.now)
    assert (second.expires_at, second.collapse_key) == (START + DAY, "key")
    assert desk.screens.shown == [each.id for each in (first, second, third)]
    assert await desk.service.schedule.page(after=None, limit=10) == []


async def test_an_announcement_has_all_that_was_asked_for(desk: Desk) -> None:
    options: Any = {"topic": "news", "expires_at": START + DAY, "require_ack": True, "remind_after": 60}
    made = await desk.service.announce(HELLO, send_at=START + SECOND, **options)
    about: Any = {"audience": "everyone", "topic": "news", "require_ack": True, "expires_at": START + DAY}
    assert made == Scheduled(made.id, ANNOUNCE, START + SECOND, None, HELLO, **about)
    desk.now += SECOND
    await desk.work.round()
    [announced] = await desk.store.announcements(after="", now=desk.now)
    assert {name: getattr(announced, name) for name in options} == options
    assert (announced.content, announced.created_at) == (HELLO, desk.now)


async def test_what_is_late_is_sent_unless_it_has_expired(desk: Desk) -> None:
    kept = await desk.send(["kept"])
    await desk.send(["dropped"], expires_at=START + 2 * SECOND)
    await desk.service.announce(HELLO, send_at=START + SECOND, expires_at=START + 2 * SECOND)
    desk.now += DAY
    await desk.work.round()
    assert [each.user_id for each in await desk.saved()] == ["kept"]
    assert await desk.store.announcements(after="", now=START) == []
    assert await desk.service.schedule.page(after=None, limit=10) == []
    value = desk.metrics.registry.get_sample_value
    for kind in (SEND, ANNOUNCE):
        assert value("eventide_due_works_total", {"kind": kind, "result": "expired"}) == 1
    assert kept.users == 1


async def work_of(desk: Desk) -> Work:
    [work] = await desk.store.due(kinds=[SEND, ANNOUNCE], after="", limit=10)
    return work


async def test_whoever_does_it_again_sends_nothing_again_and_shows_what_may_not_have_been_shown(desk: Desk) -> None:
    await desk.send(["42", "43", "44"])
    work = await work_of(desk)
    desk.now += SECOND
    await desk.service.send_due(work)  # and the instance dies before it says so
    first = await desk.saved()
    [_, read, _] = first
    await desk.store.change("43", Change.READ, [read.id], now=desk.now)
    desk.now += LEASE
    await desk.other.round()
    assert [each.id for each in await desk.saved()] == [each.id for each in first]
    assert desk.screens.late == [each.id for each in first if each != read]
    assert await desk.service.schedule.page(after=None, limit=10) == []


async def test_of_many_it_shows_some_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "MADE_AT_ONCE", 2)
    await desk.send([str(number) for number in range(5)])
    work = await work_of(desk)
    desk.now += SECOND
    await desk.service.send_due(work)
    read: list[int] = []
    overdue = desk.store.overdue

    async def noted(**asked: Any) -> Sequence[Notification]:
        found = await overdue(**asked)
        read.append(len(found))
        return found

    monkeypatch.setattr(desk.store, "overdue", noted)
    await desk.service.send_due(work)
    assert desk.screens.late == desk.screens.shown == [each.id for each in await desk.saved()]
    assert max(read) == 2


async def test_whoever_does_it_again_has_the_screens_leave_out_what_was_replaced(desk: Desk) -> None:
    [old] = await desk.service.send(["42"], HELLO, collapse_key="key")
    await desk.send(["42", "43"], collapse_key="key")
    work = await work_of(desk)
    desk.now += SECOND
    await desk.service.send_due(work)  # and the instance dies before it tells what was replaced
    desk.screens.told.clear()
    desk.now += LEASE
    await desk.other.round()
    assert old.id not in [each.id for each in await desk.saved()]
    assert desk.screens.told == [(wire.RELOAD, ["42", "43"])]


async def test_an_announcement_that_is_made_again_is_the_same(desk: Desk) -> None:
    await desk.service.announce(HELLO, send_at=START + SECOND)
    work = await work_of(desk)
    desk.now += SECOND
    for _ in range(2):
        await desk.service.announce_due(work)
    [announced] = await desk.store.announcements(after="", now=desk.now)
    assert desk.screens.shown == [announced.id] * 2


async def test_an_announcement_that_was_retracted_is_not_shown_again(desk: Desk) -> None:
    await desk.service.announce(HELLO, send_at=START + SECOND)
    work = await work_of(desk)
    desk.now += SECOND
    await desk.service.announce_due(work)
    [announced] = desk.screens.shown
    await desk.service.retract(announced)
    await desk.service.announce_due(work)
    assert desk.screens.shown == [announced]


async def test_what_was_cancelled_is_not_sent_though_it_is_still_there(desk: Desk) -> None:
    made = await desk.send()
    work = await work_of(desk)
    await desk.service.schedule.cancel(made.id)
    await desk.store.add_due(work)  # as if it could not be removed
    desk.now += DAY
    await desk.work.round()
    assert await desk.saved() == []
    assert await desk.store.find_due(work.id) is None


async def test_what_was_sent_cannot_be_cancelled_though_it_is_still_there(desk: Desk) -> None:
    made = await desk.send()
    desk.now += SECOND
    await desk.service.send_due(await work_of(desk))
    with pytest.raises(NotFound):
        await desk.service.schedule.cancel(made.id)
    await desk.work.round()
    assert len(await desk.saved()) == 1


async def test_cancelling_while_it_is_sent_has_one_outcome(desk: Desk) -> None:
    outcomes = set()
    for number in range(30):
        made = await desk.send([str(number)])
        work = await work_of(desk)

        async def cancel(id: str = made.id) -> bool:
            try:
                await desk.service.schedule.cancel(id)
            except NotFound:
                return False
            return True

        async def late_send(work: Work = work, turns: int = number) -> None:
            # So that the two meet at another place each time, however slow this machine is.
            await asyncio.sleep(0.0001 * 1.3**turns if turns else 0)
            await desk.service.send_due(work)

        done = await asyncio.gather(late_send(), cancel(), cancel())
        sent = str(number) in [each.user_id for each in await desk.saved()]
        assert [each for each in done if each] == ([] if sent else [True])
        outcomes.add(sent)
        await desk.store.cancel_due(work.id)
    assert outcomes == {True, False}


async def test_who_is_forgotten_is_sent_nothing_and_the_others_are(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "LOOKED_AT_ONCE", 2)
    for users in (["42"], ["43"], ["41", "42", "43"], ["420"], ["43", "42"]):
        await desk.send(users)
    await desk.service.announce(HELLO, send_at=START + SECOND)
    failed, lonely = (Work(f"01a1f82f-1efb-749b-b114-f889549d95a{number}", SEND, START, {"users": users})
                      for number, users in enumerate((["42", "44"], ["42"])))  # fmt: skip
    for work in (failed, lonely):
        await desk.store.add_due(work)
    await desk.store.claim_due(kinds=[SEND], now=START, lease="mine", until=START + LEASE, limit=10)
    for work in (failed, lonely):
        await desk.store.bury_due(work.id, "mine", error="why", now=START)
    assert await desk.service.schedule.forget("42") == 5
    assert await desk.service.schedule.forget("42") == 0
    desk.now += SECOND
    await desk.work.round()
    assert sorted(each.user_id for each in await desk.saved()) == ["41", "420", "43", "43", "43"]
    assert [dict(each.work.payload) for each in await desk.store.dead(after="", limit=10)] == [{"users": ["44"]}]


async def test_what_is_being_sent_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "HELD_PAUSE", 0.01)
    await desk.send(["42", "43"])
    desk.now += SECOND
    [work] = await desk.store.claim_due(kinds=[SEND], now=desk.now, lease="mine", until=desk.now + LEASE, limit=1)
    forgetting = asyncio.create_task(desk.service.schedule.forget("42"))
    await asyncio.sleep(0.03)
    assert not forgetting.done()
    await desk.service.send_due(work)
    await desk.store.finish_due([work.id], "mine")
    assert await forgetting == 0
    assert [each.user_id for each in await desk.saved()] == ["42", "43"]


async def test_what_is_held_for_too_long_may_be_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "HELD_PAUSE", 0.0001)
    await desk.send(["42", "43"])
    desk.now += SECOND
    await desk.store.claim_due(kinds=[SEND], now=desk.now, lease="mine", until=desk.now + LEASE, limit=1)
    with pytest.raises(OutcomeUnknown):
        await desk.service.schedule.forget("42")


async def test_two_who_are_forgotten_at_the_same_time_are_both_left_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "HELD_PAUSE", 0.0001)
    users = [str(number) for number in range(20)]
    await desk.send(users)
    left_out = await asyncio.gather(*(desk.service.schedule.forget(user) for user in users[:10]))
    assert left_out == [1] * 10
    assert (await work_of(desk)).payload["users"] == users[10:]


async def test_only_what_was_scheduled_can_be_cancelled(desk: Desk) -> None:
    other = Work("01a1f82f-1efb-749b-b114-f889549d95a6", "remind", START)
    await desk.store.add_due(other)
    with pytest.raises(NotFound):
        await desk.service.schedule.cancel(other.id)
    assert await desk.store.find_due(other.id) == other


@pytest.mark.parametrize("collapse_key", [None, "key"])
@pytest.mark.parametrize("send_at", [None, START + SECOND])
async def test_a_request_that_comes_again_when_it_has_expired_is_answered_as_before(
    desk: Desk, send_at: datetime | None, collapse_key: str | None
) -> None:
    end = START + 2 * SECOND
    asked: Any = {"send_at": send_at, "expires_at": end, "idempotency_key": "key", "caller": "me"}
    sent = await desk.service.send(["42"], HELLO, collapse_key=collapse_key, **asked)
    announced = await desk.service.announce(HELLO, **{**asked, "idempotency_key": "another"})
    desk.now = end + DAY - 2 * SECOND
    assert await desk.service.send(["42"], HELLO, collapse_key=collapse_key, **asked) == sent
    assert await desk.service.announce(HELLO, **{**asked, "idempotency_key": "another"}) == announced
    for other in ({"idempotency_key": "third"}, {"idempotency_key": None}, {"caller": "you"}):
        with pytest.raises(InvalidRequest, match="expiresAt"):
            await desk.service.send(["42"], HELLO, collapse_key=collapse_key, **{**asked, **other})
    with pytest.raises(Conflict):
        await desk.service.send(["43"], HELLO, collapse_key=collapse_key, **asked)
    with pytest.raises(Conflict):
        await desk.service.announce(HELLO, **asked)
    assert len(await desk.saved()) == (send_at is None)
    assert len(await desk.store.announcements(after="", now=START)) == (send_at is None)


@pytest.mark.parametrize("first_later", [True, False])
async def test_a_key_means_what_it_meant_the_first_time(desk: Desk, first_later: bool) -> None:
    """A request comes again when its time is past; or its first time was past on an instance whose clock was ahead."""
    if not first_later:
        desk.now += 2 * SECOND
    first = await desk.send(idempotency_key="key")
    desk.now = START if not first_later else START + 2 * SECOND
    again = await desk.send(idempotency_key="key")
    if first_later:
        assert again == first
        assert await desk.saved() == []
    else:
        assert [each.id for each in again] == [each.id for each in first]
        assert await desk.service.schedule.page(after=None, limit=10) == []
    for other in ({"later": 3 * SECOND}, {"users": ["43"]}):
        with pytest.raises(Conflict):
            await desk.send(idempotency_key="key", **other)


async def test_times_that_cannot_be(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="sendAt"):
        await desk.send(later=timedelta(days=366, seconds=1))
    await desk.send(later=timedelta(days=366))
    with pytest.raises(InvalidRequest, match="expiresAt"):
        await desk.send(expires_at=START + SECOND)


async def test_scheduling_of_which_nobody_knows_whether_it_was_saved(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, failures = desk.store.add_due, [OutcomeUnknown()]

    async def doubtful(*args: Any, **named: Any) -> Any:
        outcome = await add(*args, **named)
        if failures:
            raise failures.pop()
        return outcome

    monkeypatch.setattr(desk.store, "add_due", doubtful)
    made = await desk.send(idempotency_key="key")
    assert list(await desk.service.schedule.page(after=None, limit=10)) == [made]
