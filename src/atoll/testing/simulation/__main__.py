"""`python -m atoll.testing.simulation module:function --seeds 1000`: look for a seed that breaks a scenario."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from atoll.core.errors import DeclarationError
from atoll.testing.simulation.errors import Violation
from atoll.testing.simulation.explore import replay, scenario_at
from atoll.testing.simulation.many import run_many

LINE_SECONDS: Final = 30.0


def main() -> int:
    """Return 0 when no seed broke the scenario, 1 when one did, 2 when there is no such scenario."""
    options = _options()
    console = Console()
    try:
        scenario_at(options.scenario)
    except DeclarationError as error:
        console.print(f"[red]{error}[/]", highlight=False)
        return 2
    if options.seed is not None:
        return _replay(console, options.scenario, options.seed, logs=options.logs)
    return _explore(console, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m atoll.testing.simulation", description=__doc__)
    parser.add_argument("scenario", help="module:function that takes a Simulation")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes run them")
    parser.add_argument("--seed", type=int, help="run just this one, and show its last events when it fails")
    parser.add_argument("--logs", action="store_true", help="with --seed: show what the services log")
    options = parser.parse_args()
    if options.seeds < 1 or options.jobs < 1:
        parser.error("--seeds and --jobs must be 1 or more")
    return options


def _replay(console: Console, place: str, seed: int, *, logs: bool) -> int:
    if logs:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        report = replay(scenario_at(place), seed, logs=logs)
    except Violation as violation:
        _show(console, violation, events=True)
        return 1
    console.print(
        f"seed {seed} holds: {report.seconds:.1f} virtual seconds, {report.steps} steps, {report.kills} kills, "
        f"digest {report.digest[:16]}",
        highlight=False,
    )
    return 0


def _explore(console: Console, options: argparse.Namespace) -> int:
    began = time.monotonic()
    violation = None
    tell = Lines(console, options.seeds)
    with _progress(console) as progress:
        bar = progress.add_task(options.scenario, total=options.seeds)
        seeds = range(options.first, options.first + options.seeds)
        for done, violation in run_many(options.scenario, seeds, jobs=options.jobs):
            progress.advance(bar, done)
            tell.advance(done)
            if violation is not None:
                break
    if violation is None:
        seconds = time.monotonic() - began
        console.print(f"{options.seeds} seeds in {seconds:.0f} s: no violation", highlight=False)
        return 0
    _show(console, violation, events=False)
    command = f"python -m atoll.testing.simulation {options.scenario} --seed {violation.seed}"
    console.print(f"\nreplay it: {command}", highlight=False, soft_wrap=True)
    return 1


class Lines:
    """Progress where there is no terminal to draw a bar on: a line now and then."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = None if console.is_terminal else console
        self._total = total
        self._done = 0
        self._next = time.monotonic() + LINE_SECONDS

    def advance(self, done: int) -> None:
        """Count `done` more."""
        self._done += done
        if self._console and time.monotonic() >= self._next:
            self._console.print(f"{self._done} of {self._total} seeds hold", highlight=False)
            self._next = time.monotonic() + LINE_SECONDS


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _show(console: Console, violation: Violation, *, events: bool) -> None:
    if events:
        for line in violation.trace:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"[red]seed {violation.seed} breaks the scenario:[/]", highlight=False)
    for problem in violation.problems:
        console.print(f"- {problem}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
