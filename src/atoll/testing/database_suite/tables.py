"""The suite's tables and messages, and the statements that its tests share."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from atoll.contracts import Event, Message, message_of
from atoll.core.context import new_context
from atoll.storage import Database

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS things (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL DEFAULT '{serial number}',
    fresh BOOLEAN,
    price DOUBLE PRECISION,
    raw BYTEA,
    tags TEXT
);
CREATE TABLE IF NOT EXISTS counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (
    seq {serial},
    note TEXT NOT NULL
);
"""


class Thing(msgspec.Struct):
    """A row of the table `things`."""

    id: int
    name: str = ""
    fresh: bool | None = None
    price: float | None = None
    raw: bytes | None = None
    tags: list[str] | None = None


class Note(msgspec.Struct):
    """A row of the table `notes`."""

    seq: int
    note: str


class ThingMade(Event, key="id"):
    """An event for the outbox."""

    id: int


def made(number: int) -> Message:
    """Return a message unlike all others."""
    return message_of(ThingMade(id=number), source="things", context=new_context(), time=1.0)


async def insert(db: Database, number: int) -> int:
    """Insert a thing."""
    return await db.execute("INSERT INTO things (id) VALUES ($1)", number)


async def things(db: Database) -> list[int]:
    """Return the ids of all things, in order."""
    return [each.id for each in await db.fetch_all(Thing, "SELECT id FROM things ORDER BY id")]


async def count_up(db: Database, name: str = "n") -> int:
    """Read a counter, think, and write it, as careless code does; return its new value."""
    value = int(await db.fetch_value("SELECT value FROM counters WHERE name = $1", name)) + 1
    await asyncio.sleep(0)
    await db.execute("UPDATE counters SET value = $1 WHERE name = $2", value, name)
    return value
