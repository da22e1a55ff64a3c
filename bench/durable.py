"""What the driver needs to know of an engine of durable functions, and how it is measured."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from contestant import Failed

WARM_UP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: sagas a second one after the other and many at once; milliseconds of one alone."""

    rate: float
    together: float
    p50: float
    p99: float


@dataclass(slots=True, kw_only=True)
class Contender:
    """`run` does one whole saga under a name that is new, and returns its result; `database` is where it remembers,
    None in memory.

    `synchronous` is told by who opens the file, because SQLite does not keep it there.
    """

    name: str
    run: Callable[[str], Awaitable[str]]
    database: Path | None
    synchronous: str
    rounds: list[Round] = field(default_factory=list[Round])


async def measured(contender: Contender, *, seconds: float, concurrency: int) -> None:
    """Add a round."""
    prefix = f"{len(contender.rounds)}"
    for number in range(WARM_UP):
        if await contender.run(f"{prefix}-warm-{number}") != "c":
            raise Failed(f"{contender.name} returned something else than its third step did")
    alone = await _one_by_one(contender, f"{prefix}-alone", seconds)
    began = time.perf_counter()
    many = await asyncio.gather(
        *(_one_by_one(contender, f"{prefix}-{caller}", seconds) for caller in range(concurrency))
    )
    together = sum(map(len, many)) / (time.perf_counter() - began)
    contender.rounds.append(
        Round(
            rate=len(alone) / sum(alone),
            together=together,
            p50=median(alone) * 1000,
            p99=quantiles(alone, n=100)[-1] * 1000 if len(alone) > 1 else alone[0] * 1000,
        )
    )


def durability_of(contender: Contender) -> str:
    """Say in a few words when what is remembered is on the disk."""
    if contender.database is None:
        return "none: in the memory of its server"
    connection = sqlite3.connect(contender.database)
    try:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    finally:
        connection.close()
    return f"SQLite, journal_mode={mode}, synchronous={contender.synchronous}"


async def _one_by_one(contender: Contender, prefix: str, seconds: float) -> list[float]:
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await contender.run(f"{prefix}-{len(taken)}")
        taken.append(time.perf_counter() - began)
    return taken
