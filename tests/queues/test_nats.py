"""NATS: what only its driver does."""

from __future__ import annotations

import pytest

from eventide_notify.queues import nats
from eventide_notify.queues.address import parse_address

from ..require import missing
from ..servers import ServerError
from ..servers.nats import NatsServer, start_nats_server


def started(*, streams: bool = True) -> NatsServer:
    try:
        return start_nats_server(streams=streams)
    except ServerError as error:
        missing(f"there is no NATS: {error}")


async def test_a_server_without_streams_is_told_from_one_that_does_not_answer() -> None:
    with started(streams=False) as server:
        broker = nats.NatsBroker(parse_address(f"{server.base_url}?stream=INBOX&subject=inbox"))
        await broker.connect()
        with pytest.raises(ConnectionError, match="JetStream"):
            await broker.subscribe()
        await broker.close()


async def test_nothing_to_do_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with started() as server:
        # The driver tells in several ways that nothing came, by whether its own clock or the server's was first.
        monkeypatch.setattr(nats, "LOOK_EVERY", 0.002)
        broker = nats.NatsBroker(parse_address(f"{server.base_url}?stream=INBOX&subject=inbox"))
        await broker.connect()
        await broker.subscribe()
        for _ in range(100):
            assert await broker.receive() == []
        await broker.close()
