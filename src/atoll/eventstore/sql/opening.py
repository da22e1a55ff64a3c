"""Making the tables, or finding that those which are there are of another kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from atoll.eventstore.errors import StoreMismatch
from atoll.eventstore.sql.words import Words
from atoll.storage import Database, versions
from atoll.storage.port import Statement
from atoll.storage.versions import Part

_NOTES: Final = """
CREATE TABLE IF NOT EXISTS atoll_streams (
    tenant TEXT NOT NULL,
    stream TEXT NOT NULL,
    truncated_before BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (tenant, stream)
) {keyed};

CREATE TABLE IF NOT EXISTS atoll_event_store (
    only_row BIGINT PRIMARY KEY,
    gapless BOOLEAN NOT NULL,
    shift BIGINT NOT NULL
);
INSERT INTO atoll_event_store VALUES (1, %(gapless)s, 0) ON CONFLICT (only_row) DO NOTHING;
"""

EVENTSTORE: Final = Part(name="atoll.eventstore", revisions=("eventstore_0001",), tables=_NOTES)
"""What the tables of every dialect begin with; see `tables_for`."""


def tables_for(words: Words, *, gapless: bool) -> str:
    """Return the script that makes the tables."""
    return _NOTES % {"gapless": "TRUE" if gapless else "FALSE"} + words.tables


async def ready_tables(db: Database, words: Words, *, gapless: bool) -> None:
    """Make the tables unless they are there.

    Raises UnknownSchema when they are of another version, StoreMismatch when of another order; nothing is changed.
    """
    part = replace(EVENTSTORE, tables=tables_for(words, gapless=gapless))
    await versions.ready_tables(db.engine, part)
    rows = (await db.engine.read(Statement("SELECT gapless FROM atoll_event_store"))).rows
    if (is_gapless := bool(rows[0][0])) != gapless:
        made, asked = ("gapless", "not") if is_gapless else ("not gapless", "gapless")
        raise StoreMismatch(f"this event store was made {made}, but is opened as {asked}; the choice is for its life")
