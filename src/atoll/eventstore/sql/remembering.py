"""Appends that are decided on remembered heads of streams, so that a batch needs one trip to the database and no more.

That a stream has moved on meanwhile shows when the insert meets a version that is there already; a refusal is looked up
before it is told.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final, Protocol

from atoll.eventstore.deciding import Batch, Head, Key, Known, Row
from atoll.eventstore.events import START, Position
from atoll.eventstore.port import Outcome, Write

REMEMBERED: Final = 100_000
"""Streams whose heads are kept in memory, some 200 bytes each."""

Places = dict[tuple[Key, str], dict[int, Position]]


class Moved(Exception):
    """A stream was not where it was remembered; nothing was written."""


class Table(Protocol):
    """The events that are committed, and how to add some."""

    async def heads(self, keys: Set[Key]) -> dict[Key, Head]:
        """Return the heads of streams."""
        ...

    async def places(self, wanted: Set[tuple[Key, str]]) -> Places:
        """Return in which versions of its stream each event id is."""
        ...

    async def insert(self, writes: Sequence[Write], rows: Sequence[Row]) -> Position:
        """Commit rows and return the position that they come after. Raises Moved when a version is taken."""
        ...


class Remembering:
    """The appends of one process that need nothing but their streams' heads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._heads: dict[Key, Head] = {}

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Run writes without conditions in one transaction. Raises Moved when they must be looked at again."""
        if len(self._heads) > REMEMBERED:
            self._heads.clear()
        fresh: set[Key] = set()
        known = Known(self._heads)
        while (batch := Batch(writes, known)).missing or (batch.refused() - fresh):
            fresh |= await self._look_up(batch, known, fresh)
        after = await self._table.insert(writes, batch.rows) if batch.rows else START
        self._heads |= batch.heads
        return batch.outcomes(after)

    def forget(self, writes: Sequence[Write]) -> None:
        """Remember nothing of the streams of `writes`."""
        for write in writes:
            for part in write.parts:
                self._heads.pop((write.tenant, part.stream), None)

    async def _look_up(self, batch: Batch, known: Known, fresh: set[Key]) -> set[Key]:
        """Look up what is missing, or how it stands with what was refused on a remembered head."""
        missing = batch.missing
        keys = missing.heads or (set[Key]() if missing else batch.refused() - fresh)
        if keys:
            self._heads |= await self._table.heads(keys)
        if missing.places:
            known.places |= await self._table.places(missing.places)
        return keys
