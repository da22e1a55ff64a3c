"""Many appends in one statement on a connection of their own: one trip to the server, one commit."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Final

from atoll.core.clock import Clock
from atoll.core.crashing import crash_point
from atoll.eventstore.deciding import Head, Key, Row
from atoll.eventstore.events import Position
from atoll.eventstore.port import Write
from atoll.eventstore.postgres.locks import locks_shared
from atoll.eventstore.postgres.looking import heads_of, places_of
from atoll.eventstore.postgres.pinned import Pinned
from atoll.eventstore.postgres.words import TRANSACTION
from atoll.eventstore.sql.remembering import Moved, Places
from atoll.eventstore.sql.rows import tags_of, values_of
from atoll.storage import CommitUnknown, ConnectionLost, ConstraintViolated

SENDING = crash_point("events.sending")
ANSWERED = crash_point("events.answered")

_APPEND: Final = f"""
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(key) FROM unnest($12::bigint[]) key),
ground AS MATERIALIZED (SELECT {TRANSACTION} AS transaction_id),
added AS (
    INSERT INTO atoll_events
    SELECT (SELECT transaction_id FROM ground), e.place, coalesce(e.tenant, ''), e.stream, e.version, e.id, e.type,
        coalesce(e.data, ''), e.tags, e.metadata, coalesce(e.correlation, ''), coalesce(e.causation, ''),
        $11::double precision
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


class PostgresTable:
    """The events of a store whose order is that of transactions, on a connection of their own."""

    def __init__(self, connection: Pinned, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def heads(self, keys: Set[Key]) -> dict[Key, Head]:
        return {key: head for key, (head, _) in (await heads_of(self._connection, keys)).items()}

    async def places(self, wanted: Set[tuple[Key, str]]) -> Places:
        return await places_of(self._connection, wanted)

    async def insert(self, writes: Sequence[Write], rows: Sequence[Row]) -> Position:
        """Insert rows in one statement. Raises CommitUnknown when the answer is lost."""
        args = [*_columns(rows), self._clock.now(), list(locks_shared(writes))]
        tags = tags_of(rows, 1)
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
        return Position(records[0][0], 0)


def _columns(rows: Sequence[Row]) -> list[Sequence[Any]]:
    """Return the values of each column; none of one in which they are all empty, as the driver looks at each twice."""
    columns = zip(*[values_of(each) for each in rows], strict=True)
    return [each if any(each) else () for each in columns]
