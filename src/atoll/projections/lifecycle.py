"""Generations of a view: made, built beside the live one, switched to, dropped.

While a new generation is built it follows the live one and never overtakes it. Once it is near, the live one is closed:
from then on nobody writes it, and how far each of its partitions has come is the gate of the new one, behind which
events have had their side effects. When the new one has come as far, it becomes live, and goes on beyond.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from atoll.eventstore import EventStore
from atoll.projections import points
from atoll.projections.books import Books
from atoll.projections.declare import Projection, views_of
from atoll.projections.errors import NotPossible
from atoll.projections.rights import check_right
from atoll.projections.rows import Gate, Generation, Part, highest, lowest
from atoll.projections.view import filled_in, statements, table_of

Step = Literal["create", "build", "abandon", "close", "switch", "drop"]

_logger = logging.getLogger(__name__)


def newest(generations: Sequence[Generation], state: str) -> Generation | None:
    """Return the generation in that state, of which there is one at most, or any of the retired ones."""
    return next((each for each in generations if each.state == state), None)


def next_step(version: int, generations: Sequence[Generation], parts: Sequence[Part]) -> Step | None:
    """Return what is to be done for code of `version`; `parts` are those of the generation that is built."""
    live, building = newest(generations, "live"), newest(generations, "building")
    if live is None:
        return "create"
    if building is None:
        if live.version < version:
            return "build"
        return "drop" if newest(generations, "retired") else None
    if building.version < version:
        return "switch" if building.closing else "abandon"
    if building.version > version:
        return None
    if building.closing:
        return "switch" if parts and lowest(parts) >= highest(building.gate) else None
    return "close" if parts and all(each.near for each in parts) else None


class Lifecycle:
    """Takes the steps of one projection, each in a transaction, one replica at a time."""

    def __init__(self, projection: Projection, books: Books, store: EventStore) -> None:
        self._projection = projection
        self._name = projection.name
        self._books = books
        self._db = books.db
        self._store = store

    async def look(self) -> list[Generation]:
        """Take what steps are due, and return the generations that are there then."""
        while True:
            generations = await self._books.generations(self._name)
            if await self._due(generations) is None:
                return generations
            await self._take()

    async def rebuild(self) -> int:
        """Begin a new generation of the same version; return its number. Raises NotPossible, and NoRight."""
        async with self._turn() as generations:
            if newest(generations, "building") is not None:
                raise NotPossible(f"{self._name} is being rebuilt already; wait for its end, or see: atoll projections")
            made = await self._make(generations, "building", [])
        points.BEGUN.reached()
        return made

    async def _due(self, generations: Sequence[Generation]) -> Step | None:
        building = newest(generations, "building")
        parts = [] if building is None else await self._books.parts(self._name, building.generation)
        return next_step(self._projection.version, generations, parts)

    async def _take(self) -> None:
        """Take the step that is due by now: another replica may have been faster."""
        end = await self._store.end()  # what came before a projection was first declared has no side effects
        async with self._turn() as generations:
            match step := await self._due(generations):
                case "create":
                    await self._make(generations, "live", [[end]])
                case "build":
                    await self._make(generations, "building", [])
                case "abandon":
                    await self._retire(newest(generations, "building"))
                case "close":
                    await self._close(newest(generations, "live"), newest(generations, "building"))
                case "switch":
                    await self._switch(newest(generations, "live"), newest(generations, "building"))
                    points.SWITCHING.reached()
                case "drop":
                    await self._drop(newest(generations, "retired"))
                case None:
                    pass
        self._told(step)

    def _told(self, step: Step | None) -> None:
        if step is None:
            return
        _logger.info("projection %s: %s", self._name, step)
        done = {"create": points.BEGUN, "build": points.BEGUN, "close": points.CLOSED, "switch": points.SWITCHED}
        (done.get(step) or points.DROPPED).reached()

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[list[Generation]]:
        """A transaction that no other replica has for the same projection at the same time."""
        async with self._db.transaction("read committed"):
            await self._db.execute(
                "INSERT INTO atoll_projections (name) VALUES ($1) "
                "ON CONFLICT (name) DO UPDATE SET name = excluded.name",
                self._name,
            )
            yield await self._books.generations(self._name)

    async def _make(self, generations: Sequence[Generation], state: Literal["live", "building"], gate: Gate) -> int:
        projection, views = self._projection, views_of(self._projection.tables)
        await check_right(self._db, self._name)
        number = await self._db.fetch_value(
            "UPDATE atoll_projections SET last_generation = last_generation + 1 WHERE name = $1 "
            "RETURNING last_generation",
            self._name,
        )
        await self._db.execute(
            "INSERT INTO atoll_projection_generations "
            "(name, generation, version, partitions, state, gate, views, since) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            *(
                self._name,
                number,
                projection.version,
                projection.partitions,
                state,
                gate,
                views,
                self._books.clock.now(),
            ),
        )
        for part in range(projection.partitions):
            await self._db.execute(
                "INSERT INTO atoll_projection_partitions (name, generation, part, paused) "
                "SELECT name, $2, $3, paused FROM atoll_projections WHERE name = $1",
                *(self._name, number, part),
            )
        names = {each: table_of(each, number) for each in views}
        script = self._db.engine.dialect.fill(filled_in(projection.tables, names))
        for statement in statements(script):
            await self._db.execute(statement)
        if state == "live":
            await self._show(views, number)
        return int(number)

    async def _show(self, views: Sequence[str], generation: int) -> None:
        for each in views:
            await self._db.execute(f"CREATE VIEW {each} AS SELECT * FROM {table_of(each, generation)}")

    async def _close(self, live: Generation | None, building: Generation | None) -> None:
        """Let nobody write the live generation any more, and take how far it has come as the gate."""
        if live is None or building is None:
            return
        await self._db.execute(
            "UPDATE atoll_projection_partitions SET closed = TRUE, epoch = epoch + 1, owner = '' "
            "WHERE name = $1 AND generation = $2",
            *(self._name, live.generation),
        )
        parts = await self._books.parts(self._name, live.generation)
        behind = [layer for layer in live.gate if max(layer) > lowest(parts)]
        await self._db.execute(
            "UPDATE atoll_projection_generations SET closing = TRUE, gate = $3 WHERE name = $1 AND generation = $2",
            *(self._name, building.generation, [[each.position for each in parts], *behind]),
        )

    async def _switch(self, live: Generation | None, building: Generation | None) -> None:
        if live is None or building is None:
            return
        await check_right(self._db, self._name)
        await self._retire(live)
        await self._db.execute(
            "UPDATE atoll_projection_generations SET state = 'live', closing = FALSE, since = $3 "
            "WHERE name = $1 AND generation = $2",
            *(self._name, building.generation, self._books.clock.now()),
        )
        for each in live.views:
            await self._db.execute(f"DROP VIEW {each}")
        await self._show(building.views, building.generation)

    async def _retire(self, generation: Generation | None) -> None:
        if generation is None:
            return
        await self._db.execute(
            "UPDATE atoll_projection_generations SET state = 'retired' WHERE name = $1 AND generation = $2",
            *(self._name, generation.generation),
        )
        await self._db.execute(
            "UPDATE atoll_projection_partitions SET closed = TRUE, epoch = epoch + 1 "
            "WHERE name = $1 AND generation = $2",
            *(self._name, generation.generation),
        )

    async def _drop(self, generation: Generation | None) -> None:
        if generation is None:
            return
        for each in generation.views:
            await self._db.execute(f"DROP TABLE {table_of(each, generation.generation)}")
        for table in ("generations", "partitions", "parked"):
            await self._db.execute(
                f"DELETE FROM atoll_projection_{table} WHERE name = $1 AND generation = $2",
                *(self._name, generation.generation),
            )
