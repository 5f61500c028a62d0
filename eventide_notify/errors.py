"""Every error a user of the service can meet: one tree, one code each.

::

    EventideError
    ├── InvalidRequest        422 invalid_request     the input breaks a rule; `errors` names each field
    │   ├── MalformedRequest  400 invalid_request     the input is not JSON, or no message of the protocol
    │   ├── MethodNotAllowed  405 invalid_request
    │   └── UnsupportedMedia  415 invalid_request
    ├── Unauthorized          401 unauthorized        the token does not prove anybody
    │   ├── TokenMissing      401 unauthorized        (socket: token_missing)
    │   ├── TokenInvalid      401 unauthorized        (socket: token_invalid)
    │   ├── TokenExpired      401 token_expired       (socket: token_expired)
    │   └── TokenRevoked      401 token_revoked       (socket: token_revoked)
    ├── Forbidden             403 forbidden
    ├── NotFound              404 not_found           also: somebody else's
    ├── Conflict              409 conflict
    ├── PayloadTooLarge       413 payload_too_large
    ├── RateLimited           429 rate_limited        retryable: a limit, or too much at the same moment
    ├── Unavailable           503 unavailable         retryable: a dependency is unavailable, nothing was saved
    │   └── Refused           503 unavailable         the database answers, but does not do this
    ├── OutcomeUnknown        503 outcome_unknown     retryable: it may have been saved; the same request settles it
    ├── SchemaTooNew          503 unavailable         the database belongs to a later version; only at start
    └── Internal              500 internal            an internal error; the log has it under `reference`

The codes are stable and the same on both sides of the socket. The tree is translated at two places only: the HTTP
exception handlers and the namespaces' `trigger_event`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ValidationError

ERRORS_MAX = 20
"""Most wrong fields that are named in one answer."""
FIELD_MAX = 200
"""Most characters of a field's name in an answer."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its name as the client wrote it (`userIds.1`), and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class EventideError(Exception):
    """The service could not do what was asked."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retry_after: int | None = None
    """Seconds after which the same request may succeed; None where a repetition fails again."""

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        self.message = message or type(self).__doc__ or self.code
        if retry_after is not None:
            self.retry_after = retry_after
        super().__init__(self.message)


class InvalidRequest(EventideError):
    """The request breaks a rule.

    `errors` has the first `ERRORS_MAX` of the wrong fields; the message says of how many it does not tell. `more`: of
    further ones that the caller has counted only.
    """

    code = "invalid_request"
    status = 422

    def __init__(self, message: str | None = None, errors: Sequence[FieldError] = (), *, more: int = 0) -> None:
        self.errors = tuple(FieldError(item.field[:FIELD_MAX], item.message) for item in errors[:ERRORS_MAX])
        told = list(map(str, self.errors[:5]))
        if untold := len(errors) + more - len(told):
            told.append(f"and {untold} more")
        super().__init__(message or "; ".join(told))

    @classmethod
    def from_validation(cls, error: ValidationError) -> InvalidRequest:
        """The wrong fields of a model, in the client's own names."""
        found = error.errors(include_url=False, include_context=False, include_input=False)
        errors = [
            FieldError(_path(item["loc"]), item["msg"].removeprefix("Value error, ")) for item in found[:ERRORS_MAX]
        ]
        return cls(errors=errors, more=len(found) - len(errors))


class MalformedRequest(InvalidRequest):
    """The request is not valid JSON."""

    status = 400


class MethodNotAllowed(InvalidRequest):
    """The address does not know this method."""

    status = 405


class UnsupportedMedia(InvalidRequest):
    """The body must be application/json."""

    status = 415


class Unauthorized(EventideError):
    """A valid token is required."""

    code = "unauthorized"
    status = 401
    reason: ClassVar[str] = "token_invalid"
    """The code under which a refused socket is told."""


class TokenMissing(Unauthorized):
    """No token was given."""

    reason = "token_missing"


class TokenInvalid(Unauthorized):
    """The token is not valid."""


class TokenExpired(Unauthorized):
    """The token has expired."""

    code = "token_expired"
    reason = "token_expired"


class TokenRevoked(Unauthorized):
    """The token was revoked."""

    code = "token_revoked"
    reason = "token_revoked"


class Forbidden(EventideError):
    """This needs an administrator's token, or an API key."""

    code = "forbidden"
    status = 403


class NotFound(EventideError):
    """There is no such notification."""

    code = "not_found"
    status = 404


class Conflict(EventideError):
    """The idempotency key was used with another body."""

    code = "conflict"
    status = 409


class PayloadTooLarge(EventideError):
    """The request is too large."""

    code = "payload_too_large"
    status = 413


class RateLimited(EventideError):
    """Too many requests of this user are waiting already."""

    code = "rate_limited"
    status = 429
    retry_after = 1


class Unavailable(EventideError):
    """A dependency is unavailable; nothing was saved."""

    code = "unavailable"
    status = 503
    retry_after = 2


class Refused(Unavailable):
    """The database cannot do this; nothing was saved."""


class OutcomeUnknown(EventideError):
    """The database did not say whether it has saved this; repeat the request with the same Idempotency-Key."""

    code = "outcome_unknown"
    status = 503
    retry_after = 2


class SchemaTooNew(EventideError):
    """The database was written by a later version of this service."""

    code = "unavailable"
    status = 503


class Internal(EventideError):
    """An internal error. The client is shown `reference` alone, under which the log has the rest."""

    def __init__(self) -> None:
        self.reference = uuid.uuid4().hex[:12]
        super().__init__(f"internal error {self.reference}")


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
