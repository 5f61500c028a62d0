"""Much that a user has missed, saved behind the service's back."""

from __future__ import annotations

from eventide_notify.models import Draft, IdGenerator, Notification, utc_now
from eventide_notify.store import create_store

from .service import Service

LARGEST = Draft(
    message="\N{PARTY POPPER}" * 10_000,
    title="\N{PARTY POPPER}" * 255,
    link="/" + "l" * 1_999,
    avatar="/" + "a" * 1_999,
    data={"blob": "d" * 8_000},
)
SMALL = Draft(message="Hello")
new_id = IdGenerator()


def missed(user: str, count: int, content: Draft) -> list[Notification]:
    """Notifications that the user has not received."""
    now = utc_now()
    return [Notification(new_id(now), user, content, now) for _ in range(count)]


async def save_missed(service: Service, user: str | int, count: int, content: Draft) -> list[str]:
    """Save so many for the user in the service's SQLite file, at once; their ids."""
    items = missed(str(user), count, content)
    assert service.home is not None
    store = create_store(f"sqlite:///{service.home.data / 'eventide.db'}")
    await store.open()
    try:
        await store.add(items)
    finally:
        await store.close()
    return [item.id for item in items]
