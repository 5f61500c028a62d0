"""`publish`: an event into a queue, for trying."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import uuid4

import typer

from ..errors import InvalidRequest
from ..queues.address import QueueAddress, parse_address
from ..queues.brokers import DriverMissing, make_broker
from ..queues.cloudevents import CloudEvent, as_binary, as_structured
from ..queues.supervisor import START_TIMEOUT, closed, told
from ..queues.take import ANNOUNCE, SEND, SHAPES
from ..shapes import parse
from .common import COMMAND_LINE, cli, fail, given
from .sending import Kind, Link, Message, Title


@cli.command()
def publish(
    *,
    queue: Annotated[str, typer.Option(help="The queue, as in EVENTIDE_QUEUES.")],
    message: Message,
    user: Annotated[
        list[str] | None,
        typer.Option(help="The id of a recipient; may be repeated. Without any: to everyone.", show_default=False),
    ] = None,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    id: Annotated[
        str | None, typer.Option(help="The event's id. Default: a new one, so nothing is a repetition.")
    ] = None,
    source: Annotated[str, typer.Option(help="The event's source.")] = COMMAND_LINE,
    binary: Annotated[bool, typer.Option("--binary", help="With the event's attributes in headers.")] = False,
) -> None:
    """Publish a notification, or an announcement, to a queue. Whether a service takes it is not waited for."""
    try:
        address = parse_address(queue)
    except ValueError as error:
        fail(f"the queue {error}", code=2)
    data: dict[str, Any] = given(userIds=user or None, message=message, title=title, type=type, link=link)
    event = CloudEvent(id or str(uuid4()), source, SEND if user else ANNOUNCE, data)
    try:
        parse(SHAPES[event.type], data)
    except InvalidRequest as error:
        fail(error.message, code=1)
    try:
        asyncio.run(_publish(address, event, binary=binary))
    except DriverMissing as missing:
        fail(str(missing), code=2)
    except Exception as error:  # each driver has its own
        fail(f"{address.label}: {told(error, address)}", code=1)
    typer.echo(f"{event.id}  {address.label}")


async def _publish(address: QueueAddress, event: CloudEvent, *, binary: bool) -> None:
    broker = make_broker(address)
    headers, body = as_binary(event) if binary else as_structured(event)
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await broker.connect()
            await broker.publish(body, headers)
    finally:
        await closed(broker)
