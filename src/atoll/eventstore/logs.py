"""From a URL, or an open database, to the event log on it."""

from __future__ import annotations

from collections.abc import Set

from atoll.core.clock import Clock, SystemClock
from atoll.core.errors import SettingsError
from atoll.eventstore.memory import MemoryEventLog
from atoll.eventstore.port import EventLog
from atoll.eventstore.sql.words import Words
from atoll.storage import Database


async def open_log(
    url: str, *, gapless: bool, clock: Clock | None, unsafe: Set[str]
) -> tuple[EventLog, Database | None]:
    """Open the log at `url`, and the database it stands on if there is one."""
    if url == "memory:":
        return MemoryEventLog(clock), None
    if not url.startswith(("sqlite:", "postgresql:")):
        raise SettingsError(
            [f"the event store's URL {url!r} is not usable; write sqlite:///path, postgresql://… or memory:"]
        )
    db = await Database.open(url, clock=clock, unsafe=unsafe)
    try:
        return await log_over(db, gapless=gapless, clock=clock), db
    except BaseException:
        await db.close()
        raise


def words_of(dialect: str) -> Words:
    """Return what the log says to a database of this dialect."""
    if dialect == "postgresql":
        from atoll.eventstore.postgres.words import WORDS

        return WORDS
    from atoll.eventstore.sqlite.words import WORDS as SQLITE

    return SQLITE


async def log_over(db: Database, *, gapless: bool, clock: Clock | None) -> EventLog:
    """Make the tables in an open database, and return the log on them. Raises UnknownSchema, StoreMismatch."""
    if db.engine.dialect.name == "postgresql":
        from atoll.eventstore.postgres import PostgresEventLog

        return await PostgresEventLog.over(db, gapless=gapless, clock=clock or SystemClock())
    from atoll.eventstore.sqlite import SqliteEventLog

    return await SqliteEventLog.over(db, clock=clock or SystemClock())
