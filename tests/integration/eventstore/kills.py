"""Writers killed while they append, and what the store has of it afterwards; `python -m` prints the figures.

Each round lets 32 writers append to one store from a process of its own and kills it (SIGKILL) once some of what they
were told has been read. Afterwards the store's feed is held against all that was told.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from atoll.eventstore import START, EventStore, Position, RecordedEvent
from atoll.testing.postgres import NoPostgres, postgres_database, postgres_server

ENGINES: Final = ("sqlite", "postgresql")
TOLD: Final = 150
"""How many acknowledgements are read before the kill; those that come until it takes effect count too."""


class Told(NamedTuple):
    """An append that was acknowledged."""

    position: Position
    version: int
    stream: str
    ids: list[str]


class Figures(NamedTuple):
    """What came of some kills: counts of events. `out_of_order` are those not where they were told or belong."""

    kills: int
    acknowledged: int
    found: int
    lost: int
    doubled: int
    out_of_order: int

    @property
    def good(self) -> bool:
        return self.acknowledged > 0 and not (self.lost or self.doubled or self.out_of_order)


async def killed(url: str, kills: int, tell: Callable[[int, int], None]) -> Figures:
    """Kill the writers so often, tell each round and its acknowledged events, and read what the store has."""
    told: list[Told] = []
    for number in range(kills):
        round_ = await told_before_the_kill(url)
        tell(number + 1, sum(len(each.ids) for each in round_))
        told += round_
    store = await EventStore.open(url)
    found = await all_events(store)
    await store.close()
    return figures(kills, told, found)


async def told_before_the_kill(url: str) -> list[Told]:
    """Let the writers append, kill them, and return what they were told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.eventstore.writers", url, stdout=asyncio.subprocess.PIPE
    )
    if process.stdout is None:
        raise TypeError("there is no pipe")
    try:
        async with asyncio.timeout(60):
            lines = [await process.stdout.readline() for _ in range(TOLD)]
            process.kill()
            lines += (await process.stdout.read()).splitlines()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return [_read(line.decode()) for line in lines]


def _read(line: str) -> Told:
    position, version, stream, *ids = line.split()
    return Told(Position.parse(position), int(version), stream, ids)


async def all_events(store: EventStore) -> list[RecordedEvent]:
    """Follow the feed to its end: a killed process may hold it back until the server has noticed."""
    found: list[RecordedEvent] = []
    end = await store.end()
    async with asyncio.timeout(60):
        async for batch in store.subscribe(after=START, page=1000).batches():
            found += batch
            if batch[-1].position >= end:
                return found
    return found


def figures(kills: int, told: list[Told], found: list[RecordedEvent]) -> Figures:
    """Hold what is found, in the order of the feed, against what was told."""
    where = {each.id: each for each in found}
    ids = [each for one in told for each in one.ids]
    return Figures(
        kills=kills,
        acknowledged=len(ids),
        found=len(found),
        lost=sum(each not in where for each in ids),
        doubled=len(found) - len(where),
        out_of_order=_misplaced(told, where) + _out_of_order(found),
    )


def _misplaced(told: list[Told], where: dict[str, RecordedEvent]) -> int:
    """Count appends whose last event has another place than its writer was told."""
    ends = [(one, where[one.ids[-1]]) for one in told if one.ids[-1] in where]
    return sum((end.stream, end.position, end.version) != (one.stream, one.position, one.version) for one, end in ends)


def _out_of_order(found: list[RecordedEvent]) -> int:
    """Count events that do not come behind the one before, or do not count on in their stream, from 1, without gaps."""
    heads: dict[str, int] = {}
    last, wrong = START, 0
    for each in found:
        wrong += each.position <= last or each.version != heads.get(each.stream, 0) + 1
        last, heads[each.stream] = each.position, each.version
    return wrong


async def on_engine(engine: str, kills: int, folder: Path, tell: Callable[[int, int], None]) -> Figures:
    """Kill on one engine, in a database that is gone afterwards. Raises NoPostgres."""
    if engine == "sqlite":
        return await killed(f"sqlite:///{folder}/events.db", kills, tell)
    with postgres_server(os.environ.get("ATOLL_TEST_POSTGRES_URL", "")) as server:
        async with postgres_database(server) as url:
            return await killed(url, kills, tell)


def table_of(rows: dict[str, tuple[Figures, float]]) -> Table:
    """Return the figures of each engine, with how many seconds they took."""
    table = Table(Column("engine", no_wrap=True), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in (*Figures._fields, "seconds"):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for engine, (each, seconds) in rows.items():
        table.add_row(engine, *(f"{count:,}" for count in each), f"{seconds:.0f}")
    return table


def main() -> int:
    """Kill as often as asked on each engine; 0 only if nothing is lost, doubled or out of order on any."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.eventstore.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="on each engine (default %(default)s)")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="this one only")
    chosen = parser.parse_args()
    if chosen.kills < 1:
        parser.error("--kills must be at least 1")
    console = Console()
    try:
        rows = {each: timed(each, chosen.kills, console) for each in chosen.engine or ENGINES}
    except NoPostgres as error:
        console.print(f"PostgreSQL was not tried: {error}")
        return 1
    console.print(table_of(rows))
    return 0 if all(each.good for each, _ in rows.values()) else 1


def timed(engine: str, kills: int, console: Console) -> tuple[Figures, float]:
    """Return the figures of one engine and how many seconds they took; a terminal is told each round."""

    def tell(number: int, acknowledged: int) -> None:
        if console.is_terminal:
            console.print(f"{engine}: kill {number} of {kills}, {acknowledged} events acknowledged", highlight=False)

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = asyncio.run(on_engine(engine, kills, Path(folder), tell))
    return done, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
