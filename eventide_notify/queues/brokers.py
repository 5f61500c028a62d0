"""Which broker an address asks for. Its driver is imported here, and only then."""

from __future__ import annotations

from collections.abc import Sequence

from .address import QueueAddress
from .base import Broker

EXTRA = "pip install 'eventide-notify[queues]'"


class DriverMissing(Exception):
    """The driver of a broker is not installed. The message says what to do."""


def make_broker(address: QueueAddress) -> Broker:
    """A connection to this queue's broker, which is not connected yet. Raises `DriverMissing`."""
    try:
        if address.kind == "rabbitmq":
            from .rabbitmq import RabbitBroker

            return RabbitBroker(address)
        if address.kind == "kafka":
            from .kafka import KafkaBroker

            return KafkaBroker(address)
        if address.kind == "nats":
            from .nats import NatsBroker

            return NatsBroker(address)
        if address.kind == "redis":
            from .redis import RedisBroker

            return RedisBroker(address)
    except ImportError as error:
        raise DriverMissing(f"{address.label} needs: {EXTRA} ({error.name} is not installed)") from None
    raise DriverMissing(f"{address.label}: there is no such broker")


def check_drivers(addresses: Sequence[QueueAddress]) -> None:
    """Raises `DriverMissing` unless all these can be used."""
    for address in addresses:
        make_broker(address)
