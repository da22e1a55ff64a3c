"""The events that sagas wait for: kept by the consumer's transaction, so that none that comes early is lost."""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.contracts import Message
from atoll.core.clock import Clock
from atoll.saga.points import HEARD
from atoll.storage import Database

NEVER: Final = 253402300799.0
"""The end of the year 9999: when a wait without a timeout ends."""


class HeardEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it was heard; `seq` counts them in the order they came."""

    seq: int
    data: str


class HeardEvents:
    """Every event of the types that sagas here wait for, for as long as an open saga might still ask for it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def keep(self, message: Message) -> bool:
        """Keep an event in the unit of work in hand, and wake who waits for it; tell whether anybody did.

        The unit of work must be serializable, as a consumer's is: a saga that goes to wait meanwhile looks for the
        event and says that it waits in one, too, so one of the two sees the other.
        """
        await self._db.execute(
            "INSERT INTO atoll_saga_events (type, key, data, time) VALUES ($1, $2, $3, $4)",
            message.type,
            message.key,
            message.data.decode(),
            self._clock.now(),
        )
        HEARD.reached()
        woken = await self._db.execute(
            "UPDATE atoll_sagas SET wake_at = 0 WHERE waits_for = $1 AND waits_for <> ''",
            wait_name(message.type, message.key),
        )
        return woken > 0

    async def next(self, event_type: str, key: str, after: int) -> HeardEvent | None:
        """Return the first one of that type and key which was heard after number `after`."""
        return await self._db.fetch_one(
            HeardEvent,
            "SELECT seq, data FROM atoll_saga_events WHERE type = $1 AND key = $2 AND seq > $3 ORDER BY seq LIMIT 1",
            event_type,
            key,
            after,
        )

    async def last(self) -> int:
        """Return the number of the last event heard so far; one that is heard because of what follows has a higher."""
        return int(await self._db.fetch_value("SELECT coalesce(max(seq), 0) FROM atoll_saga_events"))

    async def sweep(self, *, limit: int = 1000) -> int:
        """Remove at most `limit` events that came before every saga which is open or parked; return how many."""
        async with self._db.transaction("read committed"):
            return await self._db.execute(
                "DELETE FROM atoll_saga_events WHERE seq IN (SELECT seq FROM atoll_saga_events WHERE seq <= coalesce("
                "(SELECT min(hears_after) FROM atoll_sagas WHERE hears_after IS NOT NULL "
                "AND (ended_at IS NULL OR status = 'parked')), "
                "(SELECT max(seq) FROM atoll_saga_events)) ORDER BY seq LIMIT $1)",
                limit,
            )


def wait_name(event_type: str, key: str) -> str:
    """Return how a saga that waits for this event says so."""
    return f"{event_type} {key}"
