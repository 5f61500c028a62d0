"""The shapes of messages in queues, of which the AsyncAPI document is made: the limits are those that are checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, create_model

from ..answers import ProblemField
from ..shapes import Shape
from .cloudevents import ATTRIBUTE_MAX
from .take import SHAPES

_Attribute = Annotated[str, StringConstraints(min_length=1, max_length=ATTRIBUTE_MAX)]


class Attributes(BaseModel):
    """What every CloudEvent has. It may have others too, which are ignored."""

    specversion: Annotated[str, StringConstraints(pattern=r"^1(\..*)?$", max_length=ATTRIBUTE_MAX)] = Field(
        examples=["1.0"]
    )
    id: _Attribute = Field(
        examples=["order-4711"],
        description="With `source` it says which event this is: what comes again is not done again.",
    )
    source: _Attribute = Field(examples=["/shop"], description="Who has made the event.")


def structured(type: str) -> type[BaseModel]:
    """The whole event of this type as JSON."""
    fields: Any = {"type": (Literal[type], ...), "data": (SHAPES[type], ...)}
    return create_model(_title(type), __base__=Attributes, __doc__="The whole event.", **fields)


def headers(type: str) -> type[BaseModel]:
    """The headers of an event of this type whose attributes are in headers."""
    attributes = {name: (field.annotation, field) for name, field in Attributes.model_fields.items()}
    fields: Any = {f"ce-{name}": attribute for name, attribute in {**attributes, "type": (Literal[type], ...)}.items()}
    return create_model(f"{_title(type)}Headers", **fields)


def _title(type: str) -> str:
    """`eventide.notification.send` as a schema is called: NotificationSend."""
    return "".join(word.capitalize() for word in type.split(".")[1:])


class Reason(Shape):
    code: str = Field(description="Stable, for programs.")
    message: str
    errors: list[ProblemField] | None = Field(None, description="The wrong fields.")


class DeadLetter(Shape):
    """A message that cannot be used, and why."""

    error: Reason
    queue: str
    time: str
    headers: dict[str, str]
    event: Any = Field(None, description="The body, if that is JSON.")
    body_base64: str | None = Field(
        None, description="The body, if it is not JSON; of what is too large the beginning."
    )
    truncated: Literal[True] | None = None
