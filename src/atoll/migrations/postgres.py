"""Migrates a PostgreSQL database: a transaction for each revision, under one advisory lock for all of them."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from atoll.migrations.errors import MigrationFailed
from atoll.migrations.plan import Plan, reason_of
from atoll.storage.postgres.address import Address
from atoll.storage.postgres.engine import CONNECT_SECONDS, SCHEMA_LOCK

LOCK_SECONDS: Final = 10.0
"""How long a revision may wait for a table: whoever wants that table waits behind it."""


async def migrate_database(address: Address, plan: Plan) -> list[str]:
    """Apply what is missing, after any other migrator. Raises MigrationFailed; revisions before that one are kept.

    The lock is the session's, so it needs a connection to the server itself, or a pooler in session mode.
    """

    async def connect() -> Any:
        settings = {"application_name": "atoll migrate"}
        return await asyncpg.connect(address.dsn, timeout=CONNECT_SECONDS, server_settings=settings)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await _take_turn(connection)
            return await connection.run_sync(plan.apply)
    except (DBAPIError, OSError, TimeoutError) as error:
        raise MigrationFailed(f"{address.shown} could not be migrated: {reason_of(error)}") from error
    finally:
        await engine.dispose()


async def _take_turn(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql(f"SELECT pg_advisory_lock({SCHEMA_LOCK})")
    await connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS * 1000:.0f}ms'")
    await connection.commit()
