"""How the event store grows: rates of appending and reading while it holds ten thousand to ten million events.

    python bench/growth.py [--json] [--events 10000000] [--picture FILE.svg] [--postgres URL] [--directory DIR]

One store on SQLite and one on PostgreSQL are filled through the store itself: streams of 100 events of 192 bytes, named
by `new_id()`, ten streams in an append. At 10,000 events, and at each ten times that, three things are measured, beside
a new store of 10,000 events on the same engine, all in turns; the median of the rounds is told:

- tail: events a second of the newest 10,000, read from the feed in pages of 1,000
- streams: events a second of streams of 100, read one by one, from anywhere in what was filled in
- appends: events a second from 32 writers, event by event, to new streams

What filling leaves for later is done before: SQLite's log is moved into its file, PostgreSQL vacuums, analyses and
writes a checkpoint. What the writers append, some ten thousand events at each size, stays in the store. The ratios are
those to the small store: 1.00 is flat. Ten million events take some 4 GB on SQLite and 6 on PostgreSQL; all is removed
at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Final

import uvloop
from contestant import Failed
from growing import MEASURES, Growing, Rates
from growth_picture import draw
from report import Case, Report, compare, describe_machine, show
from turns import in_turns, tell

from atoll.eventstore import EventStore
from atoll.testing.postgres import postgres_database, postgres_server

SMALLEST: Final = 10_000
WARM_UP_SECONDS: Final = 0.2
Found = dict[str, dict[str, dict[int, Rates]]]
"""By engine, measure and size."""

Note = Callable[[str, str, Rates], None]


def main() -> int:
    """Run the benchmark; exit code 1 when it has no result."""
    chosen = _arguments()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="atoll-bench-", dir=chosen.directory) as directory,
            postgres_server(chosen.postgres) as server,
        ):
            found = uvloop.run(_interruptible(_bench(chosen, Path(directory), server)))
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.stderr.write("stopped\n")
        return 130
    show(Report(bench="growth", machine=describe_machine(), cases=_cases(found)), as_json=chosen.json)
    if chosen.picture is not None:
        draw(found, chosen.picture)
        tell(f"drawn: {chosen.picture}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/growth.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--events", type=int, default=10_000_000, help="the largest size")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each at each size")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a round")
    parser.add_argument("--picture", type=Path, help="draw the curves into this SVG file")
    parser.add_argument(
        "--postgres", default="", help="a server to use; else one that runs here, or one from its wheel"
    )
    parser.add_argument("--directory", type=Path, help="where the SQLite file is")
    chosen = parser.parse_args()
    if chosen.events < SMALLEST or chosen.rounds < 1 or chosen.seconds <= 0:
        parser.error(f"--events must be {SMALLEST} or more, --rounds and --seconds above 0")
    if chosen.picture is not None and find_spec("matplotlib") is None:
        parser.error("--picture needs matplotlib; `make bench BENCH=growth` installs it with the peers")
    return chosen


async def _interruptible(bench: Coroutine[None, None, Found]) -> Found:
    """Have what was made removed by whoever stops it, too: in the background SIGINT may be ignored."""
    task = asyncio.ensure_future(bench)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


async def _bench(chosen: argparse.Namespace, directory: Path, server: str) -> Found:
    found: Found = {}
    async with AsyncExitStack() as stack:
        grown = await _opened(stack, directory, server)
        for size in _sizes(chosen.events):
            async with AsyncExitStack() as briefly:
                small = await _opened(briefly, directory, server) if size > SMALLEST else {}
                for each in small.values():
                    await each.fill(SMALLEST)
                for each in grown.values():
                    await each.fill(size)
                await _measure(grown, small, chosen, partial(_note, found, size))
    return found


async def _measure(
    grown: Mapping[str, Growing], small: Mapping[str, Growing], chosen: argparse.Namespace, note: Note
) -> None:
    """Measure all stores in turns, and note of each engine what it does, and what the small store does beside it."""
    stores = {**grown, **{f"{engine}, small": each for engine, each in small.items()}}
    for each in stores.values():
        await each.settle()
    for measure in MEASURES:
        for each in stores.values():
            await each.measure(measure, min(chosen.seconds, WARM_UP_SECONDS))
        turns = {name: partial(each.measure, measure, chosen.seconds) for name, each in stores.items()}
        rates = {name: median(rounds) for name, rounds in (await in_turns(chosen.rounds, turns)).items()}
        for engine in grown:
            note(engine, measure, Rates(rates[engine], rates.get(f"{engine}, small", rates[engine])))


def _note(found: Found, size: int, engine: str, measure: str, rates: Rates) -> None:
    found.setdefault(engine, {}).setdefault(measure, {})[size] = rates
    tell(f"{engine}, {size:,} events: {measure} {rates.here:,.0f} events/s, {rates.here / rates.small:.2f} x")


def _sizes(largest: int) -> list[int]:
    """Return the powers of ten from the smallest on, and the largest."""
    sizes = [SMALLEST]
    while sizes[-1] < largest:
        sizes.append(min(sizes[-1] * 10, largest))
    return sizes


async def _opened(stack: AsyncExitStack, directory: Path, server: str) -> dict[str, Growing]:
    """Open an empty store on each engine, which is gone when the stack is closed."""
    stores: dict[str, Growing] = {}
    for engine, url in (
        ("SQLite", f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(dir=directory))}/growth.db"),
        ("PostgreSQL", await stack.enter_async_context(postgres_database(server))),
    ):
        store = await EventStore.open(url)
        stack.push_async_callback(store.close)
        stores[engine] = Growing(engine, url, store)
    return stores


def _cases(found: Found) -> list[Case]:
    cases: list[Case] = []
    for engine, measures in found.items():
        for measure, sizes in measures.items():
            for size, rates in sizes.items():
                peers = {f"{SMALLEST:,} events": rates.small} if size > SMALLEST else {}
                name = f"{engine}, {measure}: {size:,} events"
                cases.append(compare(name, "events/s", rates.here, peers, more_is_better=True))
    return cases


if __name__ == "__main__":
    sys.exit(main())
