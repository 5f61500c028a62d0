"""Which user ids are some."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import FieldError, InvalidRequest
from ..models import RECIPIENTS_MAX, USER_ID_MAX, UserId, is_storable, user_key


def checked(user: UserId) -> UserId:
    """The user; raises `InvalidRequest` when it is none."""
    return recipients([user])[0]


def recipients(users: Iterable[UserId | int]) -> list[UserId]:
    """Each of the users once, in this order; raises `InvalidRequest` for none, too many, or ids that are none."""
    named = list(dict.fromkeys(user_key(user) for user in users))
    if not 1 <= len(named) <= RECIPIENTS_MAX:
        raise InvalidRequest(errors=[FieldError("userIds", f"must name 1 to {RECIPIENTS_MAX} users")])
    if not all(1 <= len(user) <= USER_ID_MAX for user in named):
        raise InvalidRequest(errors=[FieldError("userIds", f"must have 1 to {USER_ID_MAX} characters each")])
    if not is_storable("".join(named)):
        raise InvalidRequest(errors=[FieldError("userIds", "must not contain NUL, or half of a surrogate pair")])
    return named
