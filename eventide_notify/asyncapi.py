"""The AsyncAPI 3 document: what goes over sockets and queues, made of the tables and of the models that validate.

A namespace is a channel, an event a message, and an ack callback a reply. AsyncAPI knows no Socket.IO: what it has no
word for is under `x-socketio`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from . import payloads, schemas
from .queues import shapes
from .queues.address import BrokerKind
from .queues.cloudevents import STRUCTURED
from .queues.take import SHAPES
from .realtime.events import Event
from .shapes import Text
from .wire import Dialect

Document = dict[str, Any]

_SCHEMAS = "#/components/schemas/{model}"
_MESSAGES = "#/components/messages/"
_TEXT = re.compile(r"[^A-Za-z0-9._-]")


def document(dialects: Iterable[Dialect], asked: Sequence[Event], *, version: str, demo: bool) -> Document:
    """The document of a service that speaks these dialects, and answers these events of clients."""
    messages = _Messages()
    channels: Document = {}
    operations: Document = {}
    for dialect in dialects:
        channel = _Channel(_key(dialect.namespace) or "root", messages)
        for event in payloads.sent(dialect, demo=demo):
            channel.sends(event)
        for row in asked:
            channel.receives(row)
        channels[channel.key] = channel.described(
            address=dialect.namespace,
            servers=["sockets"],
            description=f"The namespace `{dialect.namespace}` of Socket.IO.",
            **{"x-socketio": {"namespace": dialect.namespace, "auth": payloads.Connecting.model_json_schema()}},
        )
        operations |= channel.operations
    for channel, described in _queues(messages):
        channels[channel.key] = described
        operations |= channel.operations
    described, named = messages.described()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Eventide Notify",
            "version": version,
            "description": "In-app notifications that are saved first, and delivered at least once.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "sockets": {**_server("ws", "localhost:3000"), **_SOCKETS},
            **{kind: _server(*where) for kind, where in _BROKERS.items()},
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": described,
            "schemas": named,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


_SOCKETS: Document = {
    "pathname": "/socket.io/",
    "description": "Socket.IO 5 over Engine.IO 4, by WebSocket or long polling.",
    "security": [{"$ref": "#/components/securitySchemes/token"}],
}
_BROKERS: Mapping[BrokerKind, tuple[str, str]] = {
    "rabbitmq": ("amqp", "localhost:5672"),
    "kafka": ("kafka", "localhost:9092"),
    "nats": ("nats", "localhost:4222"),
    "redis": ("redis", "localhost:6379"),
}
"""Any of them; which ones a service uses, and where they are, is nobody else's business."""


def _server(protocol: str, host: str) -> Document:
    return {"host": "{host}", "protocol": protocol, "variables": {"host": {"default": host}}}


@dataclass
class _Messages:
    """The messages of all channels, by their keys. What has the same name in two channels is one message."""

    messages: dict[str, Document] = field(default_factory=dict)
    types: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, key: str, name: str, summary: str, type: Any, **more: Any) -> str:
        key = _key(key)
        self.messages[key] = {"name": name, "summary": summary, **more}
        types = self.types.setdefault(key, [])
        if type not in types:
            types.append(type)
        return key

    def described(self) -> tuple[Document, Document]:
        """The messages, and the schemas that their payloads are made of."""
        adapters: list[tuple[tuple[str, int], Literal["validation"], TypeAdapter[Any]]] = [
            ((key, number), "validation", TypeAdapter(type))
            for key, types in self.types.items()
            for number, type in enumerate(types)
        ]
        found, definitions = TypeAdapter.json_schemas(adapters, ref_template=_SCHEMAS)
        named: Document = definitions["$defs"]
        schemas.describe_link(named["Action"]["properties"]["link"])
        payload = {
            key: [found[(key, number), "validation"] for number in range(len(types))]
            for key, types in self.types.items()
        }
        return {
            key: {**message, "payload": _one_of(payload[key])} for key, message in sorted(self.messages.items())
        }, named


class _Channel:
    """A channel while it is being described."""

    def __init__(self, key: str, messages: _Messages) -> None:
        self.key = key
        self.operations: Document = {}
        self._messages = messages
        self._keys: list[str] = []

    def sends(self, event: payloads.Sent) -> None:
        key = "custom" if event.name == payloads.CUSTOM else event.name
        message = self._add(key, event.name, event.when, event.payload)
        self._operate("send", key, event.when, [message])

    def receives(self, row: Event) -> None:
        message = self._add(row.name, row.name, row.summary, _asked(row))
        answer = self._add(f"{row.name}.ack", row.name, "What the ack callback gets.", row.answer, ack=True)
        refused = self._add(
            "refused.ack", "*", "What the ack callback gets if the event fails.", payloads.Refused, ack=True
        )
        reply = {"channel": {"$ref": f"#/channels/{self.key}"}, "messages": [self._refer(answer), self._refer(refused)]}
        self._operate("receive", row.name, row.summary, [message], reply=reply)

    def takes(self, type: str, shape: Any) -> None:
        """A message from a queue: a CloudEvent of this type, as a whole or with its attributes in headers."""
        summary = f"`data` is the body of the same request by REST: {shape.__name__}."
        whole = self._own(type, type, summary, shapes.structured(type), contentType=STRUCTURED)
        parted = self._own(
            f"{type}.binary", type, "Likewise, with the attributes in headers.", shape,
            headers=shapes.headers(type).model_json_schema(),
        )  # fmt: skip
        self._operate("receive", type, summary, [whole, parted])

    def buries(self) -> None:
        """A message that could not be used."""
        letter = self._own("dead", "dead", "A message that cannot be used, and why.", shapes.DeadLetter)
        self._operate("send", "dead", "What cannot be used is put here.", [letter])

    def described(self, *, servers: Iterable[str], **more: Any) -> Document:
        return {
            **more,
            "servers": [{"$ref": f"#/servers/{name}"} for name in servers],
            "messages": {key: {"$ref": _MESSAGES + key} for key in self._keys},
        }

    def _add(self, key: str, name: str, summary: str, type: Any, *, ack: bool = False) -> str:
        return self._own(key, name, summary, type, **{"x-socketio": {"ack": True} if ack else {"event": name}})

    def _own(self, key: str, name: str, summary: str, type: Any, **more: Any) -> str:
        key = self._messages.add(key, name, summary, type, **more)
        if key not in self._keys:
            self._keys.append(key)
        return key

    def _operate(self, action: str, name: str, summary: str, messages: Sequence[str], **more: Any) -> None:
        self.operations[f"{self.key}.{_key(name)}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{self.key}"},
            "summary": summary,
            "messages": [self._refer(key) for key in messages],
            **more,
        }

    def _refer(self, message: str) -> Mapping[str, str]:
        return {"$ref": f"#/channels/{self.key}/messages/{message}"}


def _queues(messages: _Messages) -> Iterator[tuple[_Channel, Document]]:
    """The channels of brokers."""
    named: Document = {"parameters": {"queue": {"description": "The queue, topic, subject or stream."}}}
    queue = _Channel("queue", messages)
    for type, shape in SHAPES.items():
        queue.takes(type, shape)
    about = "Messages of back ends: CloudEvents 1.0 in JSON."
    yield queue, queue.described(address="{queue}", servers=_BROKERS, description=about, **named)
    dead = _Channel("dead", messages)
    dead.buries()
    about = "What could not be used of the queue."
    yield dead, dead.described(address="{queue}.dead", servers=_BROKERS, description=about, **named)


def _asked(row: Event) -> Any:
    asked: Any = row.asks.type if isinstance(row.asks, Text) else row.asks
    if row.or_all is not None:
        asked = asked | row.or_all
    return asked | None if row.optional else asked


def _one_of(found: Sequence[Document]) -> Document:
    return found[0] if len(found) == 1 else {"anyOf": list(found)}


def _key(text: str) -> str:
    """As AsyncAPI's keys may be."""
    return _TEXT.sub("_", text.strip("/"))
