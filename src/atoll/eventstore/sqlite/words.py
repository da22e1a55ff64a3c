"""What the event log says to SQLite, where one transaction writes at a time, so numbers count commits without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atoll.eventstore.deciding import Row
from atoll.eventstore.sql.rows import tags_of, values_of
from atoll.eventstore.sql.words import Words
from atoll.storage.port import Statement
from atoll.storage.sqlite.dialect import DIALECT

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_events (
    number INTEGER PRIMARY KEY,
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
    UNIQUE (tenant, stream, version)
);
CREATE INDEX IF NOT EXISTS atoll_events_id ON atoll_events (id);

CREATE TABLE IF NOT EXISTS atoll_event_tags (
    tag TEXT NOT NULL,
    tenant TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tag, tenant, number)
) WITHOUT ROWID;
"""

_INSERT: Final = "INSERT INTO atoll_events VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

_INSERT_TAG: Final = "INSERT INTO atoll_event_tags VALUES ($1, $2, $3)"

_HEADS: Final = """
SELECT k.tenant, k.stream, coalesce(e.version, 0), coalesce(e.type = '$deleted', FALSE), 0, 0,
    coalesce((SELECT max(number) FROM atoll_events), 0)
FROM (SELECT json_extract(value, '$[0]') AS tenant, json_extract(value, '$[1]') AS stream FROM json_each($1)) k
LEFT JOIN atoll_events e ON e.tenant = k.tenant AND e.stream = k.stream AND e.version =
    (SELECT max(m.version) FROM atoll_events m WHERE m.tenant = k.tenant AND m.stream = k.stream)
"""


def insertion(rows: Sequence[Row], *, transaction: int, first: int, time: float) -> list[Statement]:
    """Insert events with the numbers they are told, and their tags.

    A statement for each: the session gives those with the same SQL to the driver at once, which is quicker than one
    statement with the arguments of all rows.
    """
    _ = transaction
    events = [Statement(_INSERT, (number, *values_of(row), time)) for number, row in enumerate(rows, first)]
    return events + [Statement(_INSERT_TAG, each) for each in tags_of(rows, first)]


WORDS: Final = Words(
    dialect=DIALECT,
    tables=_TABLES,
    place="{0}.number",
    place_columns="0 AS transaction_id, e.number AS number",
    after="{0}.number > {2}",
    end="SELECT 0 AS transaction_id, coalesce(max(number), 0) AS number, FALSE AS held FROM atoll_events",
    settled="",
    lateral="",
    heads=_HEADS,
    newest="SELECT 0, number FROM atoll_events ORDER BY number DESC LIMIT 1",
    insertion=insertion,
)
