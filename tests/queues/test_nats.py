"""NATS: what only its driver does."""

from __future__ import annotations

import pytest

from eventide_notify.queues import nats
from eventide_notify.queues.address import parse_address

from ..require import missing
from ..servers import ServerError
from ..servers.nats import start_nats_server


async def test_nothing_to_do_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        server = start_nats_server()
    except ServerError as error:
        missing(f"there is no NATS: {error}")
    with server:
        # The driver tells in several ways that nothing came, by whether its own clock or the server's was first.
        monkeypatch.setattr(nats, "LOOK_EVERY", 0.002)
        broker = nats.NatsBroker(parse_address(f"{server.base_url}?stream=INBOX&subject=inbox"))
        await broker.connect()
        await broker.subscribe()
        for _ in range(100):
            assert await broker.receive() == []
        await broker.close()
