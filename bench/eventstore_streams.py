"""Appending and reading: the same of every event store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, NamedTuple

from contestant import Failed
from eventstore_contestants import CONTESTANTS, Contestant
from report import Case
from turns import case_of, in_turns

from atoll.core import new_id

BATCH: Final = 100
STREAMS: Final = 200
"""Streams that are read, of BATCH events each."""


class Shape(NamedTuple):
    """What a round of appends does."""

    name: str
    writers: int
    batch: int


SHAPES: Final = (
    Shape("1 writer", 1, 1),
    Shape("32 writers", 32, 1),
    Shape(f"1 writer, {BATCH} at a time", 1, BATCH),
)


class Round(NamedTuple):
    """Events a second, and microseconds of this process's CPU for each."""

    rate: float
    cpu: float


async def appending(place: Callable[[], Awaitable[str]], rounds: int, seconds: float) -> list[Case]:
    """Measure appends of each shape."""
    cases: list[Case] = []
    async with _opened(place) as contestants:
        for each in contestants.values():
            await _appends(each, SHAPES[1], min(seconds, 0.3))
        for shape in SHAPES:
            measures = {name: partial(_appends, each, shape, seconds) for name, each in contestants.items()}
            found = await in_turns(rounds, measures)
            cases += [
                _case(f"appends, {shape.name}", "events/s", found, lambda each: each.rate, more_is_better=True),
                _case(f"CPU of an event, {shape.name}", "us", found, lambda each: each.cpu, more_is_better=False),
            ]
    return cases


async def reading(place: Callable[[], Awaitable[str]], rounds: int) -> list[Case]:
    """Measure how fast the feed and the streams are read."""
    names = [new_id() for _ in range(STREAMS)]
    async with _opened(place) as contestants:
        for each in contestants.values():
            for name in names:
                await each.append(name, 0, BATCH)
        feed = {name: partial(_rate, each.read_feed) for name, each in contestants.items()}
        streams = {name: partial(_rate, partial(_all, each, names)) for name, each in contestants.items()}
        return [
            case_of("reading the feed", "events/s", await in_turns(rounds, feed), more_is_better=True),
            case_of("reading streams", "events/s", await in_turns(rounds, streams), more_is_better=True),
        ]


@asynccontextmanager
async def _opened(place: Callable[[], Awaitable[str]]) -> AsyncGenerator[dict[str, Contestant]]:
    """Open each contestant on a database of its own."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(opened(await place())) for name, opened in CONTESTANTS.items()}


async def _appends(contestant: Contestant, shape: Shape, seconds: float) -> Round:
    appends = 0
    until = time.perf_counter() + seconds

    async def write() -> None:
        nonlocal appends
        stream, version = new_id(), 0
        while time.perf_counter() < until:
            await contestant.append(stream, version, shape.batch)
            version += shape.batch
            appends += 1

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(write() for _ in range(shape.writers)))
    events = appends * shape.batch
    return Round(events / (time.perf_counter() - began), (time.process_time() - used) / events * 1e6)


async def _rate(read: Callable[[], Awaitable[int]]) -> float:
    began = time.perf_counter()
    count = await read()
    if count != STREAMS * BATCH:
        raise Failed(f"{count} events were read, but {STREAMS * BATCH} are there")
    return count / (time.perf_counter() - began)


async def _all(contestant: Contestant, names: list[str]) -> int:
    return sum([await contestant.read_stream(name) for name in names])


def _case(
    case: str, unit: str, found: Mapping[str, list[Round]], what: Callable[[Round], float], *, more_is_better: bool
) -> Case:
    values = {name: [what(each) for each in rounds] for name, rounds in found.items()}
    return case_of(case, unit, values, more_is_better=more_is_better)
