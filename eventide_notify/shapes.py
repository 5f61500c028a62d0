"""What the shapes of requests and answers are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from .errors import ERRORS_MAX, FieldError, InvalidRequest
from .models import IDS_MAX, USER_ID_MAX, UserKey, cut_to_milliseconds


class Shape(BaseModel):
    """camelCase on the wire, unknown fields refused, no silent conversions."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=False, extra="forbid", strict=True, serialize_by_alias=True
    )


ShapeT = TypeVar("ShapeT", bound="Shape")


def parse(shape: type[ShapeT], value: object) -> ShapeT:
    """The value as this shape; raises `InvalidRequest` that names the wrong fields."""
    if not isinstance(value, dict):
        raise InvalidRequest("A JSON object is expected.")
    _refuse_many_unknown(shape, value)
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most so many characters, where no object is asked for."""

    max_length: int

    def parse(self, value: object) -> str:
        """The value if it is one, else `InvalidRequest`."""
        if not isinstance(value, str) or len(value) > self.max_length:
            raise InvalidRequest(f"A text of at most {self.max_length} characters is expected.")
        return value

    @property
    def type(self) -> Any:
        """For a JSON Schema."""
        return Annotated[str, Field(max_length=self.max_length)]


def _refuse_many_unknown(shape: type[Shape], value: dict[str, Any]) -> None:
    """pydantic describes every field that it does not know, which takes seconds for as many as fit into a body."""
    if len(value) <= ERRORS_MAX:
        return
    known = {field.alias or name for name, field in shape.model_fields.items()}
    unknown = [name for name in value if name not in known]
    if len(unknown) > ERRORS_MAX:
        errors = [FieldError(name, "Extra inputs are not permitted") for name in unknown[:ERRORS_MAX]]
        raise InvalidRequest(errors=errors, more=len(unknown) - ERRORS_MAX)


def _decimal(value: object) -> object:
    # Less than the smallest is read as the smallest, as a float.
    if isinstance(value, float) and value.is_integer() and _INTEGERS[0] < value <= _INTEGERS[1]:
        value = int(value)  # in JSON 42.0 is the integer 42
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_INTEGERS = (-(2**63), 2**64 - 1)
"""The smallest and the largest that JSON is read with here; others become floating point numbers."""

AnyUserId = Annotated[
    UserKey,
    BeforeValidator(
        _decimal,
        json_schema_input_type=Annotated[str, Field(min_length=1, max_length=USER_ID_MAX)]
        | Annotated[int, Field(ge=_INTEGERS[0], le=_INTEGERS[1])],
    ),
]
"""A string, or an integer, which is the same user as its decimal string."""
AnyId = Annotated[StrictStr, Field(min_length=1, max_length=64)]
"""What a client takes for an id. One that is none is simply not found."""
Ids = Annotated[list[AnyId], Field(min_length=1, max_length=IDS_MAX, fail_fast=True)]
"""Of several that are wrong the first is named: to describe a thousand takes a hundred times as long."""


# Of times that a calendar has, nearly: see `models.is_notification_id`.
_UUID7 = "^[0-9a-d][0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
Known = Annotated[AnyId, Field(json_schema_extra={"pattern": _UUID7})]
"""An id that this service has given out; others are refused."""
_PLACE = rf"^({_UUID7[1:-1]}|(top-)?{_UUID7[1:-1]}-[0-9a-d][0-9a-f]{{7}}-[0-9a-f]{{4}})$"
Place = Annotated[AnyId, Field(json_schema_extra={"pattern": _PLACE})]
"""A cursor in a user's list."""


def _to_flag(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _to_number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else value


Flag = BeforeValidator(_to_flag)
Number = BeforeValidator(_to_number)
"""In a query string the values are text."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _date_time(value: object) -> object:
    # pydantic would take a number for seconds since 1970, or milliseconds, whichever looks likelier.
    if value is not None and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise ValueError("must be a time such as 2026-11-20T09:00:00Z")
    return value


def _utc(time: datetime) -> datetime:
    try:
        return cut_to_milliseconds(time.astimezone(UTC))
    except OverflowError:
        raise ValueError("is out of range") from None


Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_date_time), AfterValidator(_utc)]


def always_checked(field: str) -> Any:
    """Have the field's validator run where the client left the field out too, and name it as the client would."""
    return model_validator(mode="before")(lambda value: {field: None, **value})
