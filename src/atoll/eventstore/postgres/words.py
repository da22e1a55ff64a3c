"""What the event log says to PostgreSQL.

Writers run side by side, so no number drawn by one tells when it commits. Events are ordered by the 64-bit id of their
transaction, and within one by their number; the feed ends before the oldest transaction that is still running
(`pg_snapshot_xmin`), because every older one has ended, and none can join them. A store whose order is gapless counts
under a lock instead: its events all have the transaction 0.
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from atoll.eventstore.deciding import Row
from atoll.eventstore.sql.rows import tags_of, values_of
from atoll.eventstore.sql.words import Words
from atoll.storage.port import Statement
from atoll.storage.postgres.dialect import DIALECT

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_events (
    transaction_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    stream TEXT NOT NULL,
    version BIGINT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    data BYTEA NOT NULL,
    tags TEXT,
    metadata TEXT,
    correlation TEXT NOT NULL,
    causation TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (transaction_id, number),
    UNIQUE (tenant, stream, version)
);
CREATE INDEX IF NOT EXISTS atoll_events_id ON atoll_events (id);

CREATE TABLE IF NOT EXISTS atoll_event_tags (
    tag TEXT NOT NULL,
    tenant TEXT NOT NULL,
    transaction_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tag, tenant, transaction_id, number)
);
"""

TRANSACTION: Final = "(SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint) + shift FROM atoll_event_store)"
"""The transaction in hand. `shift` keeps the order where a dump was restored and transactions count from 1 again."""

HORIZON: Final = (
    "(SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) + shift FROM atoll_event_store)"
)
"""Below it nothing runs any more."""

_NEWEST: Final = "SELECT transaction_id, number FROM atoll_events ORDER BY transaction_id DESC, number DESC LIMIT 1"

_HEADS: Final = """
SELECT k.tenant, k.stream, coalesce(e.version, 0), coalesce(e.type = '$deleted', FALSE),
    coalesce(e.transaction_id, 0), g.transaction_id, {number}
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS stream FROM json_array_elements(CAST($1 AS json))) k
CROSS JOIN (SELECT {transaction} AS transaction_id) g
LEFT JOIN LATERAL (
    SELECT version, type, transaction_id FROM atoll_events WHERE tenant = k.tenant AND stream = k.stream
    ORDER BY version DESC LIMIT 1
) e ON true
"""

HEADS_OUTSIDE: Final = """
SELECT e.tenant, e.stream, e.version, e.type = '$deleted', e.transaction_id
FROM unnest($1::text[], $2::text[]) AS k (tenant, stream)
CROSS JOIN LATERAL (
    SELECT * FROM atoll_events WHERE tenant = k.tenant AND stream = k.stream ORDER BY version DESC LIMIT 1
) e
"""
"""The heads of streams, outside of a transaction."""

PLACES_OUTSIDE: Final = """
SELECT tenant, stream, id, version, transaction_id, number FROM atoll_events WHERE id = ANY($1::text[])
"""
"""Where event ids are, outside of a transaction."""

GROUND: Final = f"SELECT {TRANSACTION}"
"""The transaction in hand, as positions name it."""

_INSERT: Final = """
INSERT INTO atoll_events
SELECT CAST($1 AS bigint), CAST($2 AS bigint) + place - 1, row ->> 0, row ->> 1, CAST(row ->> 2 AS bigint), row ->> 3,
    row ->> 4, decode(row ->> 5, 'base64'), row ->> 6, row ->> 7, row ->> 8, row ->> 9, CAST($3 AS double precision)
FROM json_array_elements(CAST($4 AS json)) WITH ORDINALITY AS each (row, place) ORDER BY place
"""

_INSERT_TAGS: Final = """
INSERT INTO atoll_event_tags
SELECT row ->> 0, row ->> 1, CAST($1 AS bigint), CAST(row ->> 2 AS bigint)
FROM json_array_elements(CAST($2 AS json)) row
"""


def insertion(rows: Sequence[Row], *, transaction: int, first: int, time: float) -> list[Statement]:
    """Insert events with the places they are told, and their tags."""
    if not rows:
        return []
    statements = [Statement(_INSERT, (transaction, first, time, [values_of(each) for each in rows]))]
    if tags := tags_of(rows, first):
        statements.append(Statement(_INSERT_TAGS, (transaction, tags)))
    return statements


WORDS: Final = Words(
    dialect=DIALECT,
    tables=_TABLES,
    place="({0}.transaction_id, {0}.number)",
    place_columns="e.transaction_id, e.number",
    after="({0}.transaction_id, {0}.number) > (CAST({1} AS bigint), CAST({2} AS bigint))",
    end=(
        "SELECT x.transaction_id, 0 AS number, "
        "coalesce((SELECT max(transaction_id) FROM atoll_events) >= x.transaction_id, FALSE) AS held "
        f"FROM (SELECT {HORIZON} AS transaction_id) x"
    ),
    settled=" AND e.transaction_id < h.transaction_id",
    lateral="LATERAL",
    heads=_HEADS.format(number="0", transaction=TRANSACTION),
    newest=_NEWEST,
    insertion=insertion,
)
"""Of a store whose order is that of transactions."""

GAPLESS_WORDS: Final = replace(
    WORDS,
    end=f"SELECT 0 AS transaction_id, coalesce((SELECT number FROM ({_NEWEST}) n), 0) AS number, FALSE AS held",
    settled="",
    heads=_HEADS.format(number=f"coalesce((SELECT number FROM ({_NEWEST}) n), 0)", transaction="0"),
)
"""Of one whose events are counted one by one."""
