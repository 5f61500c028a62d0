"""FerretDB, built from the Go module in this directory and kept in the user's cache."""

from __future__ import annotations

from pathlib import Path

from ...golang import GoError, GoProgram
from ..base import ServerError

# Without PostgreSQL: only SQLite is used.
_PROGRAM = GoProgram(
    "FerretDB", Path(__file__).parent, ("go.mod", "go.sum", "main.go", "front.go"), tags=["ferretdb_no_postgresql"]
)


def problem() -> str | None:
    """What stands in the way of building FerretDB here; None if nothing does."""
    return _PROGRAM.problem()


def binary() -> Path:
    """The path of the program, which is built first if need be. Raises ServerError with what the compiler said."""
    try:
        return _PROGRAM.binary()
    except GoError as error:
        raise ServerError(str(error)) from None
