"""Many appends in one statement on a connection of their own: one trip to the server, one commit.

The heads of streams are remembered. That a stream has moved on meanwhile shows when the insert meets a version that is
there already; then, and when a condition must hold, the appends run again in a transaction that looks before it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from atoll.core.clock import Clock
from atoll.core.crashing import crash_point
from atoll.eventstore.deciding import Batch, Head, Key, Known, Row
from atoll.eventstore.events import Position
from atoll.eventstore.port import Outcome, Write
from atoll.eventstore.postgres.locks import locks_shared
from atoll.eventstore.postgres.looking import heads_of, places_of
from atoll.eventstore.postgres.pinned import Pinned
from atoll.eventstore.postgres.words import TRANSACTION, tags_of_rows
from atoll.eventstore.sql.rows import metadata_of, tags_of
from atoll.storage import CommitUnknown, ConnectionLost, ConstraintViolated

SENDING = crash_point("events.sending")
ANSWERED = crash_point("events.answered")

REMEMBERED: Final = 100_000
"""Streams whose heads are kept in memory, some 200 bytes each."""

_APPEND: Final = f"""
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(key) FROM unnest($12::bigint[]) key),
ground AS MATERIALIZED (SELECT {TRANSACTION} AS transaction_id),
added AS (
    INSERT INTO atoll_events
    SELECT (SELECT transaction_id FROM ground), e.place, e.tenant, e.stream, e.version, e.id, e.type, e.data, e.tags,
        e.metadata, e.correlation, e.causation, $11::double precision
    FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[], $9::text[],
        $10::text[]
    ) WITH ORDINALITY AS
        e (tenant, stream, version, id, type, data, tags, metadata, correlation, causation, place)
    WHERE (SELECT count(*) FROM locked) >= 0
)
"""

_PLAIN: Final = f"{_APPEND} SELECT transaction_id FROM ground"

_TAGGED: Final = f"""{_APPEND}, tagged AS (
    INSERT INTO atoll_event_tags SELECT t.tag, t.tenant, (SELECT transaction_id FROM ground), t.number
    FROM unnest($13::text[], $14::text[], $15::bigint[]) AS t (tag, tenant, number)
)
SELECT transaction_id FROM ground
"""


class Moved(Exception):
    """A stream was not where it was remembered; nothing was written."""


class Group:
    """The appends of one process that need nothing but their streams' heads."""

    def __init__(self, connection: Pinned, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._heads: dict[Key, Head] = {}

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Run writes without conditions in one transaction. Raises Moved when they must be looked at again."""
        if len(self._heads) > REMEMBERED:
            self._heads.clear()
        fresh: set[Key] = set()
        known = Known(self._heads)
        while (batch := Batch(writes, known)).missing or (batch.refused() - fresh):
            fresh |= await self._look_up(batch, known, fresh)
        if not batch.rows:
            return batch.outcomes(())
        transaction = await self._insert(writes, batch.rows)
        self._heads |= batch.heads
        return batch.outcomes([Position(transaction, number) for number in range(1, len(batch.rows) + 1)])

    def forget(self, writes: Sequence[Write]) -> None:
        """Remember nothing of the streams of `writes`."""
        for write in writes:
            for part in write.parts:
                self._heads.pop((write.tenant, part.stream), None)

    async def _look_up(self, batch: Batch, known: Known, fresh: set[Key]) -> set[Key]:
        """Look up what is missing, or how it stands with what was refused on a remembered head."""
        missing = batch.missing
        keys = missing.heads or (set() if missing else batch.refused() - fresh)
        if keys:
            heads = await heads_of(self._connection, keys)
            self._heads |= {key: head for key, (head, _) in heads.items()}
        if missing.places:
            known.places |= await places_of(self._connection, missing.places)
        return keys

    async def _insert(self, writes: Sequence[Write], rows: Sequence[Row]) -> int:
        args = [*_columns(rows), self._clock.now(), list(locks_shared(writes))]
        tags = tags_of_rows(rows, 1)
        sql, more = (_TAGGED, [list(each) for each in zip(*tags, strict=True)]) if tags else (_PLAIN, [])
        await self._connection.open()
        SENDING.reached()
        try:
            records = await self._connection.fetch(sql, *args, *more)
        except ConstraintViolated as error:
            raise Moved from error
        except ConnectionLost as error:
            raise CommitUnknown("the connection broke while events were appended; append the same again") from error
        ANSWERED.reached()
        return int(records[0][0])


def _columns(rows: Sequence[Row]) -> list[Sequence[Any]]:
    keys, versions, events = zip(*rows, strict=True)
    tenants, streams = zip(*keys, strict=True)
    return [
        tenants,
        streams,
        versions,
        [e.id for e in events],
        [e.type for e in events],
        [e.data for e in events],
        [tags_of(e) for e in events],
        [metadata_of(e) for e in events],
        [e.correlation for e in events],
        [e.causation for e in events],
    ]
