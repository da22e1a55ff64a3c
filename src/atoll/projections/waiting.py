"""Read your own writes: waiting until a view includes a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from atoll.eventstore import EventStore, Position
from atoll.eventstore.port import FeedSlice
from atoll.projections.declare import Projection, Reading
from atoll.projections.rows import Part, partition_of

PAGE: Final = 200

Place = tuple[int, int]
"""A generation and a partition of it."""


class Inclusion:
    """Whether the live view of one projection includes a position.

    A checkpoint is not written for each event that is of no interest, so one may be behind and include it all the same.
    """

    def __init__(self, projection: Projection, store: EventStore) -> None:
        self._projection = projection
        self._query = Reading(projection).query
        self._store = store
        self._tenant = None if projection.every_tenant else store.tenant

    async def holds(self, parts: Sequence[Part], reached: Mapping[Place, Position], position: Position) -> bool:
        """Tell whether all `parts` include `position`; those of this process have `reached` what is not noted yet."""
        behind = [
            each
            for each in parts
            if max(each.position, reached.get((each.generation, each.part), each.position)) < position
        ]
        for each in behind:
            if (each.generation, each.part) in reached or not await self._has_nothing(each, len(parts), position):
                return False
        return bool(parts)

    async def _has_nothing(self, part: Part, partitions: int, position: Position) -> bool:
        """Tell whether no event of a partition comes after its checkpoint and up to `position`."""
        after = part.position
        while after < position:
            page = await self._store.log.reader.feed(
                FeedSlice(tenant=self._tenant, limit=PAGE, query=self._query, after=after)
            )
            keys = (self._projection.key(each) for each in page.events if each.position <= position)
            if any(partition_of(key, partitions) == part.part for key in keys) or page.position == after:
                return False
            after = page.position
        return True
