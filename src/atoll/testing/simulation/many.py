"""Running many seeds side by side, in processes that know nothing of each other."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Final

from atoll.testing.simulation.errors import Violation
from atoll.testing.simulation.explore import replay, scenario_at

CHUNK: Final = 10

Outcome = tuple[int, Violation | None]


def run_many(place: str, seeds: Iterable[int], *, jobs: int) -> Iterator[Outcome]:
    """Run the scenario at `place` (`module:function`) under each of `seeds`, in `jobs` processes.

    Yields how many seeds are done since the last time, and the violation that was found, if one was.
    """
    line = iter(seeds)
    chunks = iter(lambda: list(itertools.islice(line, CHUNK)), [])
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare) as pool:
        running: set[Future[Outcome]] = set()
        try:
            while True:
                for chunk in itertools.islice(chunks, 2 * jobs - len(running)):
                    running.add(pool.submit(_run, place, chunk))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    """What was imported is not looked at by each garbage collection."""
    gc.freeze()


def _run(place: str, seeds: list[int]) -> Outcome:
    scenario = scenario_at(place)
    for number, seed in enumerate(seeds, 1):
        try:
            replay(scenario, seed)
        except Violation as violation:
            return number, violation
    return len(seeds), None
