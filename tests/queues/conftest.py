"""The brokers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..require import missing
from ..servers import ServerError
from ..servers.rabbitmq import RabbitServer, start_rabbitmq_server


@pytest.fixture(scope="package")
def rabbitmq() -> Iterator[RabbitServer]:
    try:
        server = start_rabbitmq_server()
    except ServerError as error:
        missing(f"there is no RabbitMQ: {error}")
    with server:
        yield server
