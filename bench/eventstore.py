"""Event stores side by side: Atoll's, the `eventsourcing` library, and the bare driver doing group commit.

    python bench/eventstore.py [--json] [--seconds 2] [--rounds 3] [--postgres postgresql://...] [--directory DIR]

On SQLite and on PostgreSQL, each contestant in a database of its own, all in this process and in turns; the median of
the rounds is told. An event has 192 bytes of data.

- appends: from 1 and from 32 writers, each to a stream of its own, event by event; from 1 writer 100 at a time. CPU is
  user and system time of this process, threads included, for one event
- reading: all events of the feed in pages of 1,000, and all streams one by one, of 100 events each
- loading an aggregate of 10,000 events from the first, and from a snapshot that has 9,950 of them
- append to projection: from the return of an append to the moment when another connection sees the view's row

All commits are durable. SQLite: write-ahead log and `synchronous=FULL` everywhere; `eventsourcing` sets the log itself
and leaves `synchronous` at SQLite's default, which is FULL. PostgreSQL: the server's `synchronous_commit`, on by
default. What is appended together is one transaction in all three. `eventsourcing` writes the 100 events of a batch
row by row in it on SQLite, and by one statement on PostgreSQL. It runs in 32 threads, as it is synchronous, and in its
safe, locking mode: without POSTGRES_ENABLE_DB_FUNCTIONS, with a lock on the table for each append, without which it
loses events to those who follow. On SQLite it has no subscription, so nobody there to compare the projection with; the
bare driver has no aggregates, so it decodes and adds by hand, and has no projections.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop
from contestant import Failed
from eventstore_loading import loading
from eventstore_projecting import projecting
from eventstore_streams import appending, reading
from msgspec.structs import replace
from report import Case, Report, describe_machine, show
from turns import tell

from atoll.core import new_id
from atoll.storage import Database
from atoll.testing.postgres import postgres_database, postgres_server

Place = Callable[[], Awaitable[str]]
"""Make an empty database and return its URL."""


def main() -> int:
    """Run the benchmark."""
    chosen = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="atoll-bench-", dir=chosen.directory) as directory,
        postgres_server(chosen.postgres) as server,
    ):
        try:
            cases = uvloop.run(_bench(chosen, Path(directory), server))
        except Failed as error:
            sys.stderr.write(f"{error}\n")
            return 1
    show(Report(bench="eventstore", machine=describe_machine(), cases=cases), as_json=chosen.json)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/eventstore.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each appends in a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    parser.add_argument(
        "--postgres", default="", help="a server to use; else one that runs here, or one from its wheel"
    )
    parser.add_argument("--directory", type=Path, help="where the SQLite files are (in memory, fsync costs nothing)")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0")
    return chosen


async def _bench(chosen: argparse.Namespace, directory: Path, server: str) -> list[Case]:
    cases: list[Case] = []
    async with _engines(directory, server) as engines:
        for engine, place in engines.items():
            for measure in (partial(appending, seconds=chosen.seconds), reading, loading, projecting):
                found = await measure(place, chosen.rounds)
                cases += [replace(each, case=f"{engine}: {each.case}") for each in found]
                tell(f"measured {cases[-1].case}")
    return cases


@asynccontextmanager
async def _engines(directory: Path, server: str) -> AsyncGenerator[dict[str, Place]]:
    """Give what makes databases on each engine; they are gone at the end."""
    async with AsyncExitStack() as stack:

        async def file() -> str:
            return f"sqlite:///{directory}/{new_id()}.db"

        async def database() -> str:
            url = await stack.enter_async_context(postgres_database(server))
            await (await Database.open(url)).close()
            return url

        yield {"SQLite": file, "PostgreSQL": database}


if __name__ == "__main__":
    sys.exit(main())
