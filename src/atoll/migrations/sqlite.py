"""Migrates a SQLite database: all that is missing in one transaction, for which SQLite's own lock is held."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, StaticPool, create_engine, event
from sqlalchemy.exc import OperationalError

from atoll.migrations.errors import MigrationFailed
from atoll.migrations.plan import Plan, reason_of

BUSY_SECONDS: Final = 30.0
"""How long another migrator, or a service's transaction, is waited for."""


def migrate_file(path: Path, plan: Plan) -> list[str]:
    """Apply what is missing in the file at `path`. Raises MigrationFailed; the file is unchanged then."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        return migrate_connection(connection, plan)
    finally:
        connection.close()


def migrate_connection(connection: sqlite3.Connection, plan: Plan) -> list[str]:
    """Apply what is missing on a connection that is in autocommit mode. Raises MigrationFailed.

    Foreign keys are not enforced meanwhile, because SQLite changes most about a table by making it anew; they are
    checked at the end (https://www.sqlite.org/lang_altertable.html#otheralter).
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    event.listen(engine, "begin", _begin)
    connection.execute("PRAGMA foreign_keys=OFF")
    try:
        with engine.begin() as opened:
            applied = plan.apply(opened)
            _check_references(opened)
        return applied
    except OperationalError as error:
        raise MigrationFailed(f"the database could not be had for the migration: {reason_of(error)}") from error


def image_of(plan: Plan) -> bytes:
    """Return a database with all revisions applied, as `sqlite3.Connection.deserialize` takes it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate_connection(connection, plan)
        return connection.serialize()
    finally:
        connection.close()


def _begin(connection: Connection) -> None:
    # The driver would begin by itself before INSERT but not before CREATE TABLE, and take the lock too late.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_references(connection: Connection) -> None:
    broken: list[Any] = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
    if broken:
        raise MigrationFailed(
            f"the revisions leave {len(broken)} rows without what they refer to, the first in the table "
            f"{broken[0][0]}; correct them, nothing was changed"
        )
