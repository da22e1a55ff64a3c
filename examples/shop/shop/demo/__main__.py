"""`python -m shop.demo`: the shop under customers and kills; exits 0 only if every promise was kept."""

from __future__ import annotations

import time

BEGAN = time.monotonic()

import argparse  # noqa: E402 - the clock starts before the imports, which are a part of the start
import asyncio  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from atoll.core import AtollError  # noqa: E402
from shop.customers.customer import Crowd  # noqa: E402
from shop.demo.display import Display  # noqa: E402
from shop.demo.run import run_demo  # noqa: E402
from shop.demo.summary import lines_of  # noqa: E402


def main() -> int:
    """Run the demo in a directory of its own, which is kept when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m shop.demo", description=__doc__)
    usual = Crowd()
    parser.add_argument("--customers", type=int, default=usual.customers, help="how many come (default %(default)s)")
    parser.add_argument("--at-once", type=int, default=usual.at_once, help="how many at once (default %(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="what they do (default %(default)s)")
    options = parser.parse_args()
    crowd = Crowd(customers=options.customers, at_once=options.at_once, seed=options.seed)
    display = Display(BEGAN)
    directory = Path(tempfile.mkdtemp(prefix="atoll-demo-"))
    try:
        summary = asyncio.run(run_demo(crowd, directory=directory, display=display, began=BEGAN))
    except KeyboardInterrupt:
        shutil.rmtree(directory, ignore_errors=True)
        display.console.print("stopped; nothing is left")
        return 130
    except AtollError as error:
        display.console.print(f"[red]{error}[/red]\nlogs are in {directory}")
        return 1
    for line in lines_of(summary):
        display.console.print(line)
    if not summary.good:
        display.console.print(f"[red]the demo failed[/red]; logs and databases are in {directory}")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
