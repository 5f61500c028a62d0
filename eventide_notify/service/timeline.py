"""What became of one notification: what all instances remember of it (`service.journal`), and what the store knows.

Instances remember who created it, which sessions it was sent to, and how these have proven that they have it. The store
knows less, and forgets nothing. Each event has the time of the instance that tells it, and clocks differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import NotFound
from ..models import Announcement, Notification, NotificationId, Status, is_notification_id, time_of
from ..store.base import Store
from ..wire import Payload
from .instances import DescribeSessions, iso_of
from .journal import Journal
from .questions import Questions

SAME = 5.0
"""Seconds between what an instance remembers and what the store has written, of one event."""
GONE = "the store does not have it: it was deleted or retracted, has expired, or was for connected users only"


class Timelines:
    """Answers for this instance, and asks all."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        questions: Questions,
        *,
        sessions: DescribeSessions,
        holding: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        """`holding`: whether live notifications wait on this instance for what is read from the store."""
        self._store = store
        self._journal = journal
        self._questions = questions
        self._sessions = sessions
        self._holding = holding
        self._clock = clock
        questions.handle("timeline", self._tell)

    async def of(self, id: NotificationId) -> list[Payload]:
        """The events, in their order. `NotFound` for what neither the store nor any instance knows."""
        if not is_notification_id(id):
            raise NotFound
        item = await self._store.find(id)
        if item is not None and item.has_expired(self._clock()):
            item = None
        found = item or await self._announcement(id)
        asked = await self._questions.ask("timeline", id=id, user=item and item.user_id)
        answers: dict[str, Any] = {instance: answer for instance, answer in asked.items() if answer is not None}
        events = [{**event, "instance": instance} for instance, answer in answers.items() for event in answer["events"]]
        now = self._clock().timestamp()
        if found is None:
            if not events:
                raise NotFound
            events.append({"at": now, "what": "gone", "detail": GONE})
        events += _not_among(events, _stored(found))
        events += _forgotten(answers, time_of(id).timestamp())
        if item is not None and item.status is Status.PENDING and not item.archived:
            events += _waiting(item, answers, events, now)
        events.sort(key=lambda event: (event["what"] != "created", event["at"]))
        return [{**event, "at": iso_of(event["at"])} for event in events]

    async def _announcement(self, id: NotificationId) -> Announcement | None:
        return await self._store.announcement(id, now=self._clock())

    async def _tell(self, arguments: Mapping[str, Any]) -> Payload:
        id, user = arguments["id"], arguments["user"]
        return {
            "events": self._journal.of(id),
            "from": self._journal.remembers_from,
            "holding": self._holding(),
            "sessions": [] if user is None else self._sessions(user),
        }


def _stored(item: Notification | Announcement | None) -> Iterator[Payload]:
    if item is None:
        return
    yield _by_store("created", item.created_at)
    if isinstance(item, Notification):
        if item.delivered_at is not None:
            yield _by_store("received", item.delivered_at)
        if item.seen_at is not None and item.seen_at != item.read_at:  # what is read has been seen
            yield _by_store("seen", item.seen_at)
        if item.pressed is not None:
            yield _by_store("action", item.pressed.at, item.pressed.id)
        if item.read_at is not None and (item.pressed is None or item.pressed.at != item.read_at):
            yield _by_store("read", item.read_at)
        if item.archived_at is not None:
            yield _by_store("archived", item.archived_at)


def _by_store(what: str, at: datetime, detail: str = "as the store has it") -> Payload:
    return {"at": at.timestamp(), "what": what, "detail": detail}


def _not_among(events: Sequence[Payload], stored: Iterable[Payload]) -> list[Payload]:
    return [each for each in stored if not any(_is_same(event, each) for event in events)]


def _is_same(event: Payload, stored: Payload) -> bool:
    """Receipts are written some time after they came, and only the first one."""
    if event["what"] != stored["what"]:
        return False
    return event["what"] in ("created", "received") or abs(event["at"] - stored["at"]) <= SAME


def _forgotten(answers: Mapping[str, Any], created_at: float) -> Iterator[Payload]:
    for instance, answer in answers.items():
        if answer["from"] > created_at:
            detail = "what this instance did before is not remembered"
            yield {"at": answer["from"], "what": "forgotten", "instance": instance, "detail": detail}


def _waiting(item: Notification, answers: Mapping[str, Any], events: Iterable[Payload], now: float) -> list[Payload]:
    """Why no client is known to have it."""
    sent = {event["session"] for event in events if event["what"] == "sent"}
    waiting: list[Payload] = []
    for instance, answer in answers.items():
        for session in answer["sessions"]:
            detail = _reason(item, session, sent=session["id"] in sent, holding=answer["holding"])
            told = {"at": now, "what": "waiting", "instance": instance, "session": session["id"], "detail": detail}
            waiting.append(told)
    return waiting or [{"at": now, "what": "waiting", "detail": "the user has no open session"}]


def _reason(item: Notification, session: Payload, *, sent: bool, holding: bool) -> str:
    if sent:
        return "sent, and the client has not confirmed it yet"
    if holding:
        return "it waits until what the instance lacks has been read from the store"
    if session["replaying"]:
        return "the session is still being sent what its user missed"
    if session["catchUp"] == "none":
        return "the client asked for nothing that it missed (catchUp: none)"
    return "not sent yet, or more was waiting than is sent on one connect: the client has to read it by REST"
