"""The SQL schema, as numbered steps. A database is brought up to date when the store opens it.

To change the schema, append a step; never touch an old one, which databases out there have taken already. Steps are
SQL that SQLite and PostgreSQL both understand; `{text}` is text that is compared byte by byte. `tables.py` describes
the outcome of all steps to SQLAlchemy.
"""

from __future__ import annotations

import sqlalchemy as sa

from .records import check_version

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
)

# SQLite compares bytes by itself. PostgreSQL would follow the database's language, slowly, and ids need not sort so.
_TEXT = {"sqlite": "TEXT", "postgresql": 'TEXT COLLATE "C"'}

_versions = sa.table("schema_version", sa.column("version", sa.Integer))

_LOCK = 0x4576656E74696465  # "Eventide": an arbitrary key, which no other program on the database should take


def migrate(connection: sa.Connection) -> None:
    """Take the steps that the database lacks, all or none, while other instances that start wait.

    The connection is in a transaction, which on SQLite is the only one that writes. Raises SchemaTooNew.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    version = _version(connection)
    check_version(version, len(STEPS))
    for number, step in enumerate(STEPS[version:], version + 1):
        for statement in step:
            connection.exec_driver_sql(statement.format(text=_TEXT[dialect]))
        connection.execute(sa.insert(_versions).values(version=number))


def _version(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table(_versions.name):
        connection.exec_driver_sql(f"CREATE TABLE {_versions.name} (version INTEGER PRIMARY KEY)")
    return connection.execute(sa.select(sa.func.max(_versions.c.version))).scalar_one() or 0
