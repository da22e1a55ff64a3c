"""Keeping the order of a store that was restored into another server, where transactions count from a lower number."""

from __future__ import annotations

from typing import Final

from atoll.eventstore.postgres.words import TRANSACTION
from atoll.storage import Database
from atoll.storage.port import Statement

_FROM_BEYOND: Final = """
SELECT coalesce(max(e.transaction_id), 0) >=
    min(s.shift) + CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
FROM atoll_event_store s LEFT JOIN
    (SELECT transaction_id FROM atoll_events ORDER BY transaction_id DESC LIMIT 1) e ON true
"""

_SHIFT: Final = f"""
UPDATE atoll_event_store SET shift = shift + behind FROM
    (SELECT (SELECT max(transaction_id) FROM atoll_events) + 1 - {TRANSACTION} AS behind) b WHERE behind > 0
"""


async def keep_order(db: Database) -> None:
    """Let new events come after all that are there, if transactions of this server would put them before."""
    if (await db.engine.read(Statement(_FROM_BEYOND))).rows[0][0]:
        async with db.transaction("read committed"):
            await db.execute("LOCK TABLE atoll_events IN EXCLUSIVE MODE")
            await db.execute(_SHIFT)
