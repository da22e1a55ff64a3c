"""Making the tables, or finding that those which are there are of another kind."""

from __future__ import annotations

from typing import Final

from atoll.eventstore.errors import StoreMismatch
from atoll.eventstore.sql.words import Words
from atoll.storage import Database
from atoll.storage.port import Statement

SCHEMA_VERSION: Final = 1

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
    schema_version BIGINT NOT NULL,
    gapless BOOLEAN NOT NULL,
    shift BIGINT NOT NULL
);
INSERT INTO atoll_event_store VALUES (1, %(version)s, %(gapless)s, 0) ON CONFLICT (only_row) DO NOTHING;
"""


async def ready_tables(db: Database, words: Words, *, gapless: bool) -> None:
    """Make the tables unless they are there. Raises StoreMismatch, with nothing changed, when they are of another kind."""
    if not (await db.engine.read(Statement(words.existing))).rows[0][0]:
        choices = {"version": SCHEMA_VERSION, "gapless": "TRUE" if gapless else "FALSE"}
        await db.engine.script(words.tables + _NOTES % choices)
    rows = (await db.engine.read(Statement("SELECT schema_version, gapless FROM atoll_event_store"))).rows
    version, is_gapless = rows[0] if rows else (0, False)
    if version != SCHEMA_VERSION:
        raise StoreMismatch(
            f"the event store's tables are of version {version}, but this toolkit's are of version {SCHEMA_VERSION}; "
            "run the toolkit that made them, or move the events to a new store"
        )
    if bool(is_gapless) != gapless:
        made, asked = ("gapless", "not") if is_gapless else ("not gapless", "gapless")
        raise StoreMismatch(f"this event store was made {made}, but is opened as {asked}; the choice is for its life")
