"""Sagas per second and how long one takes: three steps on Atoll, on DBOS and on Temporal's development server.

    python bench/saga.py [--json] [--rounds 3] [--seconds 4] [--concurrency 16] [--directory DIR]

All three do the same: a durable function of three steps, each a call that returns a short text at once, so that what
is measured is what it costs to remember. They are measured in turns in one run, each on a SQLite file in the same
directory, and each may only be asked for as many as it can do within `--seconds`; the median of the rounds is told.
How far each remembers when the power is cut is told with the report:

- Atoll: one commit when a saga begins, one for each step, one for its end; WAL with synchronous=FULL.
- DBOS: as it sets its own system database up by default.
- Temporal: `temporal server start-dev --db-filename`, with WAL and synchronous=FULL as well, and without its limit of
  20 looks a second for tasks (`peers/durable_functions.py`); its worker and client run in this process, its server in
  another. Temporal RAM is the same without the file: nothing survives the server.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from contestant import Failed
from durable import Contender, durability_of, measured
from peers.durable_functions import dbos_flow, temporal_in_memory, temporal_on_disk
from report import Case, Report, compare, describe_machine, show, show_table
from sagas_on_atoll import atoll_flow


def main() -> int:
    """Run the benchmark; exit code 1 when it has no result."""
    try:
        asyncio.run(_bench(_arguments()))
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.stderr.write("stopped\n")
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/saga.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round, alone and together")
    parser.add_argument("--concurrency", type=int, default=16, help="callers at once")
    parser.add_argument("--directory", type=Path, help="where all keep their state (in memory, fsync costs nothing)")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.seconds <= 0 or chosen.concurrency < 1:
        parser.error("--rounds, --seconds and --concurrency must be above 0")
    return chosen


async def _bench(chosen: argparse.Namespace) -> None:
    directory = Path(tempfile.mkdtemp(prefix="atoll-bench-", dir=chosen.directory))
    try:
        async with _started(directory) as contenders:
            for number in range(chosen.rounds):
                for each in contenders if number % 2 else contenders[::-1]:
                    await measured(each, seconds=chosen.seconds, concurrency=chosen.concurrency)
            report = Report(bench="saga", machine=describe_machine(), cases=_cases(contenders, chosen.concurrency))
            show(report, as_json=chosen.json)
            if not chosen.json:
                kept = [(each.name, durability_of(each)) for each in contenders]
                show_table("durability", ["engine", "as it is set up"], kept)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def _started(directory: Path) -> AsyncGenerator[list[Contender]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(start(directory))
            for start in (atoll_flow, dbos_flow, temporal_on_disk, temporal_in_memory)
        ]


def _cases(contenders: list[Contender], concurrency: int) -> list[Case]:
    atoll, *peers = contenders

    def case(name: str, unit: str, of: str, *, more_is_better: bool) -> Case:
        values = {each.name: median(getattr(round_, of) for round_ in each.rounds) for each in contenders}
        return compare(
            name,
            unit,
            values[atoll.name],
            {each.name: values[each.name] for each in peers},
            more_is_better=more_is_better,
        )

    return [
        case(f"3-step sagas, {concurrency} at once", "sagas/s", "together", more_is_better=True),
        case("3-step sagas, one after the other", "sagas/s", "rate", more_is_better=True),
        case("one saga, p50", "ms", "p50", more_is_better=False),
        case("one saga, p99", "ms", "p99", more_is_better=False),
    ]


if __name__ == "__main__":
    sys.exit(main())
