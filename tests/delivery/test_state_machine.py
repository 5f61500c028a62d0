"""Everything that can happen between a notification and its devices, in any order.

The service, the receipts and the store are real (SQLite in memory); the network and the crashes are played. Whatever
happens: what is not confirmed is pending, nothing is confirmed that no device has taken, counts agree, and a status
never goes back. At the end every user connects once more, and then nobody lacks anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from eventide_notify.errors import NotFound
from eventide_notify.metrics import Metrics
from eventide_notify.models import Announcement, Change, Counts, Draft, Notification, Receipt, Status
from eventide_notify.presence import MemoryPresence
from eventide_notify.realtime.receipts import ReceiptTracker
from eventide_notify.service import Inbox, NotificationService
from eventide_notify.service.delivery import BacklogReader, ReceiptWriter
from eventide_notify.service.fanout import Gone
from eventide_notify.service.journal import Journal
from eventide_notify.store import Store, create_store
from eventide_notify.wire import Reason

USERS = ("alice", "bob")
PING = "ping"
T = TypeVar("T")


@dataclass(eq=False)
class Device:
    """A client, its half of the network, and the receipts that the server keeps of it while it is connected."""

    user: str
    connected: bool = False
    receipts: ReceiptTracker = field(default_factory=ReceiptTracker)
    down: deque[str] = field(default_factory=deque)
    pongs: int = 0
    sent: set[str] = field(default_factory=set)
    has: set[str] = field(default_factory=set)
    """The ids it has taken, ever."""

    def write(self, id: str) -> None:
        if id not in self.sent:
            self.sent.add(id)
            self.down.append(id)
            self.receipts.sent([Receipt(self.user, id)])

    def ping(self) -> None:
        self.receipts.ping()
        self.down.append(PING)

    def take(self) -> None:
        """The client takes one frame, and answers if it is a ping."""
        frame = self.down.popleft()
        if frame == PING:
            self.pongs += 1
        else:
            self.has.add(frame)

    def lose_connection(self) -> None:
        self.connected = False
        self.receipts, self.down, self.pongs, self.sent = ReceiptTracker(), deque(), 0, set()


class Network:
    """The service's fan-out, to the devices that are connected."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = devices
        self.works = True

    async def deliver(self, notifications: Sequence[Notification], *, late: bool = False) -> None:
        for item in notifications:
            for device in self.devices:
                if self.works and device.connected and device.user == item.user_id:
                    device.write(item.id)
                    device.ping()

    async def announce(self, announcement: Announcement) -> None: ...
    async def retract(self, id: str) -> None: ...
    async def take_away(self, reason: Reason, gone: Sequence[Gone]) -> None: ...
    async def emit(self, event: str, payload: Any, users: Sequence[str] | None) -> None: ...


class DeliveryMachine(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = datetime(2026, 11, 20, 9, tzinfo=UTC)
        self.devices = [Device(user) for user in USERS for _ in range(2)]
        self.network = Network(self.devices)
        self.store: Store = create_store("sqlite://")
        self.owner: dict[str, str] = {}
        self.read: set[str] = set()
        self.deleted: set[str] = set()
        self.keyed: set[str] = set()
        self.collapsed: dict[str, int] = {}
        self.until: dict[str, datetime] = {}
        self.shown: set[str] = set()
        self.archived: set[str] = set()
        self.named: set[str] = set()
        """What users have named as seen or archived, which proves that they have it."""
        self.was_read: set[str] = set()
        self.before: dict[str, Status] = {}
        self.run(self.store.open())
        self.start_server()

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(action)

    def start_server(self) -> None:
        metrics, journal = Metrics(), Journal()
        self.backlogs = BacklogReader(self.store, clock=lambda: self.now, limit=1_000)
        self.receipts = ReceiptWriter(self.store, clock=lambda: self.now, metrics=metrics)
        self.service = NotificationService(
            self.store,
            self.network,
            MemoryPresence(),
            clock=lambda: self.now,
            metrics=metrics,
            journal=journal,
            announcement_lifetime=timedelta(days=1),
        )
        self.inbox = Inbox(
            self.store, self.network, journal=journal, clock=lambda: self.now, received=self.receipts.received
        )

    def device(self, number: int) -> Device:
        return self.devices[number % len(self.devices)]

    @initialize()
    def everybody_connects(self) -> None:
        for number in range(len(self.devices)):
            self.connect(number)

    # What users and administrators do

    @rule(target=ids, users=st.sampled_from([("alice",), ("bob",), USERS]))
    def send(self, users: Collection[str]) -> Any:
        sent = self.run(self.service.send(users, Draft(message="Hello")))
        self.owner |= {item.id: item.user_id for item in sent}
        return multiple(*(item.id for item in sent))

    @rule(target=ids, users=st.sampled_from([("alice",), USERS]))
    def send_and_lose_the_fan_out(self, users: Collection[str]) -> Any:
        self.network.works = False
        sent = self.send(users)
        self.network.works = True
        return sent

    @rule(target=ids, users=st.sampled_from([("alice",), ("bob",), USERS]))
    def send_in_place(self, users: Collection[str]) -> Any:
        """Of what has the key, what is neither read nor archived is replaced."""
        sent = self.run(self.service.send(users, Draft(message="Hello"), collapse_key="key"))
        unread = self.keyed - self.read - self.archived - self.deleted
        replaced = {id for id in unread if self.owner[id] in users}
        number = dict.fromkeys(users, 0)
        for id in replaced:
            number[self.owner[id]] += 1 + self.collapsed[id]
        self.deleted |= replaced
        self.keyed |= {item.id for item in sent}
        self.owner |= {item.id: item.user_id for item in sent}
        self.collapsed |= {item.id: number[item.user_id] for item in sent}
        return multiple(*(item.id for item in sent))

    @rule(target=ids, user=st.sampled_from(USERS), seconds=st.integers(1, 60))
    def send_for_a_while(self, user: str, seconds: int) -> str:
        until = self.now + timedelta(seconds=seconds)
        [sent] = self.run(self.service.send([user], Draft(message="Hello"), expires_at=until))
        self.owner[sent.id] = user
        self.until[sent.id] = until
        return sent.id

    @rule(some=st.lists(ids, min_size=1, max_size=4), user=st.sampled_from(USERS), change=st.sampled_from(Change))
    def change(self, some: list[str], user: str, change: Change) -> None:
        found = {id for id in some if self.owner[id] == user and id not in self.deleted}
        try:
            done = self.run(self.inbox.change(user, change, some))
        except NotFound:
            assert not found
        else:
            assert set(done.owned) == found
            assert set(done.changed) == self.apply(change, found)
            if change in (Change.SEEN, Change.ARCHIVE):
                self.named.update(done.changed)

    @rule(id=ids, user=st.sampled_from(USERS), change=st.sampled_from(Change))
    def change_all_up_to(self, id: str, user: str, change: Change) -> None:
        mine = {other for other, owner in self.owner.items() if owner == user and other <= id} - self.deleted
        found = mine & self.archived if change is Change.UNARCHIVE else mine - self.archived
        done = self.run(self.inbox.change_all(user, change, up_to=id))
        assert list(done.changed) == sorted(self.apply(change, found), reverse=True)

    def apply(self, change: Change, found: set[str]) -> set[str]:
        """Make the change to what is known of these; those that are otherwise now."""
        known, adds = {
            Change.SEEN: (self.shown, True),
            Change.READ: (self.read, True),
            Change.UNREAD: (self.read, False),
            Change.ARCHIVE: (self.archived, True),
            Change.UNARCHIVE: (self.archived, False),
            Change.DELETE: (self.deleted, True),
        }[change]
        changed = found - known if adds else found & known
        (known.update if adds else known.difference_update)(changed)
        if change is Change.READ:
            self.shown |= changed
            self.was_read |= changed
        if change is Change.UNREAD:
            self.before |= dict.fromkeys(changed, Status.DELIVERED)
        return changed

    # What devices and the network do

    @rule(number=st.integers(0, 3))
    def connect(self, number: int) -> None:
        device = self.device(number)
        device.lose_connection()
        backlog = self.run(self.backlogs.of(device.user, since=None, replay=True))
        device.connected = True
        for item in backlog.notifications:
            assert item.id not in self.deleted, "replaced or expired, and replayed"
            device.write(item.id)
        assert [item.id for item in backlog.notifications] == sorted(item.id for item in backlog.notifications)

    @rule(number=st.integers(0, 3))
    def disconnect(self, number: int) -> None:
        self.device(number).lose_connection()

    @rule(number=st.integers(0, 3))
    def the_server_pings(self, number: int) -> None:
        if self.device(number).connected:
            self.device(number).ping()

    @rule(number=st.integers(0, 3), frames=st.integers(1, 5))
    def the_client_takes(self, number: int, frames: int) -> None:
        device = self.device(number)
        for _ in range(min(frames, len(device.down))):
            device.take()

    @rule(number=st.integers(0, 3))
    def a_pong_arrives(self, number: int) -> None:
        device = self.device(number)
        if device.pongs:
            device.pongs -= 1
            self.receive(device)

    @rule(number=st.integers(0, 3), frames=st.integers(1, 3))
    def the_client_takes_and_its_pongs_arrive(self, number: int, frames: int) -> None:
        self.the_client_takes(number, frames)
        for _ in range(self.device(number).pongs):
            self.a_pong_arrives(number)
        self.receipts_are_written()

    @rule(number=st.integers(0, 3))
    def a_client_pongs_unasked(self, number: int) -> None:
        # Only while no ping is on its way: the server cannot tell such a pong from an answer to that one.
        device = self.device(number)
        if device.connected and not device.pongs and PING not in device.down:
            self.receive(device)

    def receive(self, device: Device) -> None:
        async def receive() -> None:
            self.receipts.received(device.receipts.pong())

        self.run(receive())

    @rule(number=st.integers(0, 3))
    def a_client_acknowledges(self, number: int) -> None:
        device = self.device(number)
        if device.connected and device.has:
            self.run(self.receipts.acknowledge(device.user, device.has))

    @rule()
    def receipts_are_written(self) -> None:
        self.run(self.receipts.flush())

    @rule()
    def the_server_crashes(self) -> None:
        for device in self.devices:
            device.lose_connection()
        self.run(self.receipts.abandon())
        self.start_server()

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.deleted |= {id for id, until in self.until.items() if until <= self.now}
        self.run(self.store.remove_expired(before=self.now - timedelta(seconds=30), limit=100))

    # What always holds

    @invariant()
    def statuses_are_true_and_never_go_back(self) -> None:
        order = list(Status)
        for id, status in self.statuses().items():
            if status is Status.DELIVERED:
                assert id in self.taken() | self.named | self.was_read, "confirmed, and nobody has it"
            assert (status is Status.READ) == (id in self.read)
            assert order.index(status) >= order.index(self.before.get(id, Status.PENDING))
            self.before[id] = status

    @invariant()
    def counts_agree(self) -> None:
        for user in USERS:
            mine = {id for id, owner in self.owner.items() if owner == user} - self.deleted - self.archived
            expected = Counts(len(mine - self.read), len(mine - self.shown))
            assert self.run(self.inbox.counts(user)) == expected

    def statuses(self) -> Mapping[str, Status]:
        found: dict[str, Status] = {}
        for archived in (False, True):
            pages = [self.run(self.inbox.page(user, limit=10_000, archived=archived)) for user in USERS]
            listed = [item for page in pages for item in page.notifications]
            assert all(item.archived == archived == (item.id in self.archived) for item in listed)
            assert all(item.seen == (item.id in self.shown) for item in listed)
            assert all(item.collapsed == self.collapsed.get(item.id, 0) for item in listed)
            found |= {item.id: item.status for item in listed}
        assert set(found) == set(self.owner) - self.deleted, "something was lost, or came back"
        return found

    def taken(self) -> set[str]:
        return {id for device in self.devices for id in device.has}

    def teardown(self) -> None:
        for number, device in enumerate(self.devices):
            self.connect(number)
            device.ping()
            self.the_client_takes(number, len(device.down))
            for _ in range(device.pongs):
                self.a_pong_arrives(number)
        self.receipts_are_written()
        statuses = {id: status for id, status in self.statuses().items() if id not in self.archived}
        assert Status.PENDING not in statuses.values(), "connected, and still pending"
        received = self.taken() | self.named | self.was_read
        assert {id for id, status in statuses.items() if status is not Status.READ} <= received, "lost"
        self.run(self.store.close())
        self.loop.close()


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # it is this machine that may be
)
