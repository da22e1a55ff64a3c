"""Which transactions hold the feed back."""

from __future__ import annotations

from typing import Final

from atoll.eventstore.events import Blocker
from atoll.eventstore.postgres.words import HORIZON
from atoll.storage import Database
from atoll.storage.port import Statement

_BLOCKERS: Final = f"""
WITH ground AS (
    SELECT {HORIZON} AS horizon, shift, CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS next,
        (SELECT max(transaction_id) FROM atoll_events) AS newest
    FROM atoll_event_store
),
running AS (
    SELECT backend_xid AS xid, pid, xact_start AS began, state, query, datname, application_name FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL
    UNION ALL
    SELECT transaction, 0, prepared, 'prepared', 'PREPARE TRANSACTION ' || quote_literal(gid), database, owner
    FROM pg_prepared_xacts
),
numbered AS (
    SELECT running.*, ground.newest,
        ground.next - ((ground.next - CAST(CAST(xid AS text) AS bigint)) & 4294967295) + ground.shift AS transaction_id
    FROM running, ground WHERE ground.newest >= ground.horizon
)
SELECT transaction_id, pid, CAST(extract(epoch FROM clock_timestamp() - began) AS double precision),
    coalesce(state, ''), coalesce(query, ''), coalesce(datname, ''), coalesce(application_name, '')
FROM numbered WHERE transaction_id < newest ORDER BY transaction_id
"""
"""`backend_xid` has 32 bits; the transactions that run are within 2^32 of the next one."""


async def blockers(db: Database) -> list[Blocker]:
    """Return the transactions older than the newest event that still run, the oldest first."""
    rows = (await db.engine.read(Statement(_BLOCKERS))).rows
    return [
        Blocker(
            transaction=transaction,
            pid=pid,
            seconds=seconds,
            state=state,
            query=query,
            database=database,
            application=name,
        )
        for transaction, pid, seconds, state, query, database, name in rows
    ]
