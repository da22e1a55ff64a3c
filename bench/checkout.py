"""Orders per second and processor time per order: the shop on Atoll beside the same flow written by hand.

    python bench/checkout.py [--json] [--profile [SERVICE]] [--rounds 3] [--orders 80] [--customers 8]

Both shops run on this machine at once, all of their processes and engines; rounds alternate between them, and the
median of the rounds is told. In a round each order is the checkout of a cart of two lines that was filled before
the clock started. What is the same in both shops and what differs stands in `peers/handmade/__init__.py`: in short,
the same hops, engines, durable commits and events, but by hand there are no guarantees beyond them.

- answered: orders a second until the last customer has the answer
- carried out: orders a second until the last consequence (mail, stock, projections, audit) is in a database
- CPU: user and system time of all processes from the first checkout to a moment after the last consequence;
  `services` leaves out Envoy, nats-server, the card network and the mail server, but not Atoll's supervisor

The machine that drives is the machine that is measured, so the figures say how the two compare, not what a shop
can take.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import explain
import psutil
from aiohttp import ClientError
from contestant import Failed
from customers import Round
from duel import Duel, Side, started
from quiet_shop import shop
from report import Case, Report, compare, describe_machine, show

from atoll.core import AtollError

MOST_ORDERS: Final = 500
"""The gateway lets one address open 600 accounts a minute."""


def main() -> int:
    """Run the benchmark; Ctrl-C and SIGTERM stop it and all that it has started."""
    try:
        asyncio.run(_interruptible(_arguments()))
    except asyncio.CancelledError:
        sys.stderr.write("stopped\n")
        return 130
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/checkout.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each shop")
    parser.add_argument("--orders", type=int, default=80, help=f"orders of a round, at most {MOST_ORDERS}")
    parser.add_argument("--customers", type=int, default=8, help="customers at once")
    parser.add_argument("--directory", type=Path, help="where both keep their state (in memory, fsync costs nothing)")
    parser.add_argument(
        "--profile",
        nargs="?",
        const=explain.BUSIEST,
        choices=[explain.BUSIEST, *shop.by_name],
        metavar="SERVICE",
        help="tell where the time goes, by function in the busiest service of Atoll's or in this one",
    )
    return _checked(parser, parser.parse_args())


def _checked(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> argparse.Namespace:
    if not (0 < chosen.orders <= MOST_ORDERS and chosen.rounds > 0 and chosen.customers > 0):
        parser.error(f"--rounds and --customers must be above 0, and --orders from 1 to {MOST_ORDERS}")
    if chosen.directory is not None and not chosen.directory.is_dir():
        parser.error(f"--directory {chosen.directory} is not a directory")
    if chosen.json and chosen.profile:
        parser.error("--profile prints tables, so it does not go with --json")
    return chosen


async def _interruptible(chosen: argparse.Namespace) -> None:
    if (task := asyncio.current_task()) is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    directory = Path(tempfile.mkdtemp(prefix="atoll-bench-", dir=chosen.directory))
    try:
        await _bench(chosen, directory)
    except (AtollError, ClientError, Failed, OSError, psutil.Error) as error:
        raise Failed(f"{error or type(error).__name__}\nthe logs of both shops are below {directory}") from error
    except BaseException:
        shutil.rmtree(directory)
        raise
    shutil.rmtree(directory)


async def _bench(chosen: argparse.Namespace, directory: Path) -> None:
    async with started(directory, orders=chosen.orders, concurrency=chosen.customers) as duel:
        await duel.prepare()
        await duel.rounds(chosen.rounds)
        show(Report(bench="checkout", machine=describe_machine(), cases=_cases(duel)), as_json=chosen.json)
        if chosen.profile:
            explain.by_process(duel)
            await explain.by_function(duel, chosen.profile)


def _cases(duel: Duel) -> list[Case]:
    many = f"{duel.concurrency} customers"
    rates = {
        f"answered, {many}": _middle(lambda each: each.orders / each.answered),
        f"carried out, {many}": _middle(lambda each: each.orders / each.settled),
    }
    costs = {
        "CPU per order, all processes": _cpu(),
        "CPU per order, services": _cpu("service", "platform"),
        f"checkout p50, {many}": _middle(lambda each: each.percentile(0.5)),
        f"checkout p95, {many}": _middle(lambda each: each.percentile(0.95)),
        "checkout p50, one customer": lambda side: median(each.percentile(0.5) for each in side.alone),
    }
    return [
        *(_case(duel, name, "orders/s", measure, more_is_better=True) for name, measure in rates.items()),
        *(_case(duel, name, "ms", measure, more_is_better=False) for name, measure in costs.items()),
    ]


def _case(duel: Duel, name: str, unit: str, measure: Callable[[Side], float], *, more_is_better: bool) -> Case:
    peers = {duel.peer.name: measure(duel.peer)}
    return compare(name, unit, measure(duel.atoll), peers, more_is_better=more_is_better)


def _middle(value: Callable[[Round], float]) -> Callable[[Side], float]:
    return lambda side: median(value(each) for each in side.together)


def _cpu(*kinds: str) -> Callable[[Side], float]:
    return lambda side: median(each.cpu_per_order(side.names(*kinds)) for each in side.together)


if __name__ == "__main__":
    sys.exit(main())
