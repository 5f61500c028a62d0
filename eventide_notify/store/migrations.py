"""The SQL schema, as numbered steps. A database is brought up to date when the store opens it.

To change the schema, append a step; never touch an old one, which databases out there have taken already. Steps are
SQL that SQLite and PostgreSQL both understand; `{text}` is text that is compared byte by byte. `tables.py` describes
the outcome of all steps to SQLAlchemy.
"""

from __future__ import annotations

import logging
import time

import sqlalchemy as sa

from .base import Schema
from .records import check_version

logger = logging.getLogger(__name__)

_STATE = ("seen_at BIGINT", "archived_at BIGINT", "pressed TEXT", "pressed_at BIGINT")

STEPS: tuple[tuple[str, ...], ...] = (
    (  # 1: notifications, and the idempotency keys they were sent with
        """
        CREATE TABLE notifications (
            id {text} PRIMARY KEY,
            user_id {text} NOT NULL,
            status TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            delivered_at BIGINT,
            read_at BIGINT,
            message TEXT NOT NULL,
            title TEXT NOT NULL,
            type TEXT NOT NULL,
            link TEXT,
            avatar TEXT,
            data TEXT
        )
        """,
        "CREATE INDEX notifications_of_user ON notifications (user_id, id)",
        "CREATE INDEX notifications_pending ON notifications (user_id, id) WHERE status = 'PENDING'",
        "CREATE INDEX notifications_unread ON notifications (user_id, id) WHERE status <> 'READ'",
        """
        CREATE TABLE claims (
            key {text} PRIMARY KEY,
            fingerprint TEXT NOT NULL,
            items TEXT NOT NULL,
            claimed_at BIGINT NOT NULL,
            complete BOOLEAN NOT NULL
        )
        """,
        "CREATE INDEX claims_by_age ON claims (claimed_at)",
    ),
    (  # 2: announcements, what users did with them, and the search for what is overdue
        """
        CREATE TABLE announcements (
            id {text} PRIMARY KEY,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            message TEXT NOT NULL,
            title TEXT NOT NULL,
            type TEXT NOT NULL,
            link TEXT,
            avatar TEXT,
            data TEXT
        )
        """,
        "CREATE INDEX announcements_by_expiry ON announcements (expires_at)",
        """
        CREATE TABLE announcement_receipts (
            user_id {text} NOT NULL,
            announcement_id {text} NOT NULL,
            status TEXT NOT NULL,
            delivered_at BIGINT,
            read_at BIGINT,
            PRIMARY KEY (user_id, announcement_id)
        )
        """,
        "CREATE INDEX announcement_receipts_of_all ON announcement_receipts (announcement_id, user_id)",
        "CREATE INDEX notifications_overdue ON notifications (id) WHERE status = 'PENDING'",
    ),
    (  # 3: what is seen, archived and pressed, and no more indexes to write with each notification than before
        *(f"ALTER TABLE notifications ADD COLUMN {column}" for column in (*_STATE, "actions TEXT")),
        *(f"ALTER TABLE announcement_receipts ADD COLUMN {column}" for column in _STATE),
        "ALTER TABLE announcements ADD COLUMN actions TEXT",
        *(f"DROP INDEX notifications_{index}" for index in ("of_user", "pending", "unread", "overdue")),
        """
        UPDATE notifications SET seen_at = read_at, delivered_at = coalesce(delivered_at, read_at)
        WHERE status = 'READ'
        """,
        """
        UPDATE announcement_receipts SET seen_at = read_at, delivered_at = coalesce(delivered_at, read_at)
        WHERE status = 'READ'
        """,
        "CREATE INDEX notifications_inbox ON notifications (user_id, id) WHERE archived_at IS NULL",
        "CREATE INDEX notifications_archive ON notifications (user_id, id) WHERE archived_at IS NOT NULL",
        """
        CREATE INDEX notifications_pending ON notifications (user_id, id)
        WHERE status = 'PENDING' AND archived_at IS NULL
        """,
        # Of it alone PostgreSQL makes both counts, without a look at the notifications.
        """
        CREATE INDEX notifications_unread ON notifications (user_id, id, seen_at)
        WHERE status <> 'READ' AND archived_at IS NULL
        """,
        "CREATE INDEX notifications_overdue ON notifications (id) WHERE status = 'PENDING' AND archived_at IS NULL",
    ),
    (  # 4: tokens that are no longer accepted
        """
        CREATE TABLE revocations (
            id {text} PRIMARY KEY,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            user_id {text},
            issued_before BIGINT,
            token_id {text}
        )
        """,
        "CREATE INDEX revocations_by_expiry ON revocations (expires_at)",
    ),
    (  # 5: expiry, collapse, topics, acknowledgements, due work, and claims that hold for longer than others
        "ALTER TABLE notifications ADD COLUMN expires_at BIGINT",
        "ALTER TABLE notifications ADD COLUMN collapse_key {text}",
        "ALTER TABLE notifications ADD COLUMN collapsed BIGINT",
        "CREATE INDEX notifications_by_expiry ON notifications (expires_at, id) WHERE expires_at IS NOT NULL",
        """
        CREATE INDEX notifications_by_collapse_key ON notifications (user_id, collapse_key)
        WHERE collapse_key IS NOT NULL AND status <> 'READ' AND archived_at IS NULL
        """,
        "DROP INDEX notifications_unread",
        """
        CREATE INDEX notifications_unread ON notifications (user_id, id, seen_at, expires_at)
        WHERE status <> 'READ' AND archived_at IS NULL
        """,
        "ALTER TABLE announcements ADD COLUMN topic {text}",
        "ALTER TABLE announcements ADD COLUMN require_ack BOOLEAN NOT NULL DEFAULT FALSE",
        "ALTER TABLE announcements ADD COLUMN remind_after BIGINT",
        "CREATE INDEX announcements_of_all ON announcements (id, expires_at) WHERE topic IS NULL",
        "CREATE INDEX announcements_of_topic ON announcements (topic, id, expires_at) WHERE topic IS NOT NULL",
        "CREATE INDEX announcements_to_acknowledge ON announcements (topic, id) WHERE require_ack = TRUE",
        "ALTER TABLE announcement_receipts ADD COLUMN acknowledged_at BIGINT",
        "CREATE TABLE subscriptions (user_id {text} NOT NULL, topic {text} NOT NULL, PRIMARY KEY (user_id, topic))",
        "CREATE INDEX subscriptions_of_topic ON subscriptions (topic, user_id)",
        "CREATE TABLE users (user_id {text} PRIMARY KEY)",
        """
        CREATE TABLE due (
            id {text} PRIMARY KEY,
            kind TEXT NOT NULL,
            at BIGINT NOT NULL,
            payload TEXT NOT NULL,
            attempts BIGINT NOT NULL,
            lease TEXT,
            leased_until BIGINT
        )
        """,
        "CREATE INDEX due_by_time ON due (at)",
        """
        CREATE TABLE dead (
            id {text} PRIMARY KEY,
            kind TEXT NOT NULL,
            at BIGINT NOT NULL,
            payload TEXT NOT NULL,
            attempts BIGINT NOT NULL,
            error TEXT NOT NULL,
            died_at BIGINT NOT NULL
        )
        """,
        "ALTER TABLE claims ADD COLUMN expires_at BIGINT",
        "DROP INDEX claims_by_age",
        "CREATE INDEX claims_by_age ON claims (claimed_at) WHERE expires_at IS NULL",
        "CREATE INDEX claims_by_expiry ON claims (expires_at) WHERE expires_at IS NOT NULL",
    ),
)

TITLES = (
    "tables for notifications and idempotency keys",
    "tables for announcements; an index of what is overdue",
    "seen, archived and pressed; each read notification is written anew, and all indexes are built anew",
    "a table for revocations",
    "expiry, collapse, topics, acknowledgements and due work; the index of what is unread is built anew",
)
"""What the steps are about, for whoever is asked to run them."""

# SQLite compares bytes by itself. PostgreSQL would follow the database's language, slowly, and ids need not sort so.
_TEXT = {"sqlite": "TEXT", "postgresql": 'TEXT COLLATE "C"'}

_versions = sa.table("schema_version", sa.column("version", sa.Integer))

_LOCK = 0x4576656E74696465  # "Eventide": an arbitrary key, which no other program on the database should take


def schema(connection: sa.Connection) -> Schema:
    """The version that the database has, and the steps that it lacks. Changes nothing, and waits for nobody."""
    return schema_of(_version(connection))


def schema_of(version: int, *, exists: bool = True) -> Schema:
    """Of a database of this version."""
    titles = [f"step {number}: {TITLES[number - 1]}" for number in range(version + 1, len(STEPS) + 1)]
    return Schema(version, len(STEPS), titles, exists)


def is_current(connection: sa.Connection) -> bool:
    """Whether no step is lacking. Changes nothing, and waits for nobody. Raises SchemaTooNew."""
    version = _version(connection)
    check_version(version, len(STEPS))
    return version == len(STEPS)


def migrate(connection: sa.Connection) -> None:
    """Take the steps that the database lacks, all or none, while other instances that start wait.

    The connection is in a transaction, which on SQLite is the only one that writes. Raises SchemaTooNew.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        _be_the_only_one(connection)
    version = _version(connection)
    check_version(version, len(STEPS))
    told = logging.INFO if version else logging.DEBUG  # a new database takes no time
    if not version:
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_versions.name} (version INTEGER PRIMARY KEY)")
    for number, step in enumerate(STEPS[version:], version + 1):
        logger.log(told, "bringing the schema to version %d of %d: minutes, if there is much", number, len(STEPS))
        start = time.monotonic()
        for statement in step:
            connection.exec_driver_sql(statement.format(text=_TEXT[dialect]))
        connection.execute(sa.insert(_versions).values(version=number))
        logger.log(told, "the schema has version %d now (%.1f s)", number, time.monotonic() - start)


def _be_the_only_one(connection: sa.Connection) -> None:
    # What a role or a database allows its queries is not meant for these.
    for limit in ("statement_timeout", "lock_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
    if not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))).scalar_one():
        logger.warning("another instance is bringing the schema up to date: waiting for it")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _version(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table(_versions.name):
        return 0
    return connection.execute(sa.select(sa.func.max(_versions.c.version))).scalar_one() or 0
