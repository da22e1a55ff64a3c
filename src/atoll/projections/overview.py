"""How a projection is doing, for operators."""

from __future__ import annotations

from typing import Literal

import msgspec

from atoll.projections.books import Books
from atoll.projections.declare import Projection, Reading
from atoll.projections.lag import Lags
from atoll.projections.lifecycle import newest
from atoll.projections.rows import Generation, Part, lowest


class Building(msgspec.Struct, frozen=True, kw_only=True):
    """A generation that is built beside the live one."""

    generation: int
    version: int
    position: str
    lag_events: int
    error: str = ""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One projection; `lag_events` are counted up to a thousand. `owners` are the slots of those who work on it."""

    name: str
    state: Literal["live", "paused", "stopped", "outdated", "missing"]
    version: int = 0
    generation: int = 0
    partitions: int = 0
    position: str = ""
    lag_events: int = 0
    lag_seconds: float = 0.0
    parked: int = 0
    owners: list[str] = []
    error: str = ""
    failed_id: str = ""
    failed_at: str = ""
    attempts: int = 0
    retry_at: float = 0.0
    building: Building | None = None


async def overview_of(projection: Projection, books: Books, lags: Lags) -> Overview:
    """Look at one projection."""
    name, query = projection.name, Reading(projection).query
    generations = await books.generations(name)
    live, building = newest(generations, "live"), newest(generations, "building")
    if live is None:
        return Overview(name=name, state="missing")
    parts = await books.parts(name, live.generation)
    failed = next((each for each in parts if each.failed_id), None)
    lag = await lags.of(projection, query, parts)
    seen = Overview(
        name=name,
        state=_state(projection, live, failed, paused=await books.is_paused(name)),
        version=live.version,
        generation=live.generation,
        partitions=live.partitions,
        position=str(lowest(parts)),
        lag_events=lag.events,
        lag_seconds=lag.seconds,
        parked=await books.count_parked(name),
        owners=sorted({each.owner for each in parts if each.owner}),
        building=None if building is None else await _building(projection, building, books, lags),
    )
    if failed is None:
        return seen
    return msgspec.structs.replace(
        seen,
        error=failed.error,
        failed_id=failed.failed_id,
        failed_at=failed.failed_at,
        attempts=failed.attempts,
        retry_at=failed.retry_at,
    )


async def _building(projection: Projection, generation: Generation, books: Books, lags: Lags) -> Building:
    parts = await books.parts(generation.name, generation.generation)
    lag = await lags.of(projection, Reading(projection).query, parts)
    return Building(
        generation=generation.generation,
        version=generation.version,
        position=str(lowest(parts)),
        lag_events=lag.events,
        error=next((each.error for each in parts if each.error), ""),
    )


def _state(
    projection: Projection, live: Generation, failed: Part | None, *, paused: bool
) -> Literal["live", "paused", "stopped", "outdated"]:
    if paused:
        return "paused"
    if failed is not None:
        return "stopped"
    return "outdated" if live.version > projection.version else "live"
