"""A connection to PostgreSQL for one statement at a time, straight through asyncpg."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import exc

from . import engines
from .sql_errors import Progress

UNUSED_SECONDS = 5.0
"""How long a connection is trusted without asking."""
DROP_SECONDS = 1.0
"""How long saying goodbye may take on a connection that has failed."""


def listed(values: Sequence[str | int]) -> str:
    """The argument that `list_of` takes. An array takes asyncpg many times as long, in which nobody has a turn."""
    try:
        return orjson.dumps(values).decode()
    except TypeError:  # half of a surrogate pair, which the database is to refuse
        return json.dumps(values)


def list_of(argument: int) -> str:
    """The SQL array of the texts in this argument."""
    return f"ARRAY(SELECT json_array_elements_text(${argument}::json))"


class OwnConnection:
    """It is opened when it is needed, and anew after it has failed. Raises what `SqlErrors` translates."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Any = None
        self._used_at = 0.0

    async def execute(self, progress: Progress, statement: str, *arguments: Any) -> Sequence[Any]:
        """The rows that the statement returns. It is a transaction by itself."""
        import asyncpg

        try:
            async with asyncio.timeout(engines.WORK_SECONDS):
                connection = await self._connected()
                progress.committing = True
                found: Sequence[Any] = await connection.fetch(statement, *arguments)
                self._used_at = time.monotonic()
                return found
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            severity = getattr(error, "severity_en", None)
            if severity is None and isinstance(error, asyncpg.DataError):
                progress.committing = False  # the driver's own word: it cannot encode this, and has sent nothing
            elif severity != "ERROR":  # after which the connection is as good as before
                await self._drop()
            error.detail = None  # which quotes what was to be saved
            raise exc.DBAPIError(
                statement, None, error, hide_parameters=True, connection_invalidated=self._connection is None
            ) from error
        except BaseException:
            await self._drop()
            raise

    async def _connected(self) -> Any:
        import asyncpg

        if self._connection is not None and (self._connection.is_closed() or not await self._answers()):
            await self._drop()
        if self._connection is None:
            self._connection = await asyncpg.connect(self._dsn, timeout=engines.CONNECT_SECONDS)
        return self._connection

    async def _answers(self) -> bool:
        # One that nobody has used for a while may have died unnoticed, as behind a firewall.
        if time.monotonic() - self._used_at < UNUSED_SECONDS:
            return True
        try:
            await self._connection.fetchval("SELECT 1", timeout=engines.CONNECT_SECONDS)
        except Exception:  # the driver's own
            return False
        return True

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:  # in order, for the server is being told to stop what it is doing; the driver waits for that without end
            async with asyncio.timeout(DROP_SECONDS):
                await connection.close()
        except Exception:  # the driver's own
            connection.terminate()

    async def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                async with asyncio.timeout(engines.CONNECT_SECONDS):
                    await connection.close()
            except Exception:  # the driver's own
                connection.terminate()
