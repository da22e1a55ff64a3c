"""An event store that is filled to a size, and measured there."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, Final, NamedTuple

import asyncpg
from contestant import Failed
from turns import tell

from atoll.core import new_id
from atoll.eventstore import NO_STREAM, START, EventStore, NewEvent, StreamAppend

DATA: Final = b'{"order":"' + b"x" * 180 + b'"}'
TYPE: Final = "shop.OrderPlaced.v1"
STREAM: Final = 100
"""Events of a stream."""

TOGETHER: Final = 10
"""Streams in one append."""

FILLERS: Final = 4
TAIL: Final = 10_000
WRITERS: Final = 32
READS: Final = 100
KNOWN: Final = 1000
"""Names of streams that are kept, chosen evenly among all, to be read later."""

TELL_SECONDS: Final = 10.0


class Rates(NamedTuple):
    """Events a second of a store, and of a small one that was measured beside it."""

    here: float
    small: float


class Growing:
    """A store on one engine, and what is needed to fill and measure it."""

    def __init__(self, engine: str, url: str, store: EventStore) -> None:
        self.engine = engine
        self._url = url
        self._store = store
        self._tail = START
        self._size = 0
        self._filled: list[str] = []
        self._streams = 0
        self._random = Random(1)

    async def fill(self, size: int) -> None:
        """Append until there are so many events, and note where the tail begins."""
        await self._append_until(size - TAIL)
        self._tail = await self._store.end() if self._size else START
        await self._append_until(size, at_least=TAIL)

    async def settle(self) -> None:
        """Do now what filling has left for later."""
        if self._url.startswith("sqlite:///"):
            await asyncio.to_thread(_move_log, self._url.removeprefix("sqlite:///"))
            return
        connection: Any = await asyncpg.connect(self._url)
        await connection.execute("VACUUM ANALYZE", timeout=3600)
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CHECKPOINT", timeout=3600)
        await connection.close()

    async def measure(self, what: str, seconds: float) -> float:
        """Return events a second of one of MEASURES."""
        began, count = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < seconds:
            count += await MEASURES[what](self, seconds - spent)
        return count / spent

    async def read_tail(self, seconds: float) -> int:
        """Read the newest events once; return how many."""
        count, position = 0, self._tail
        while page := await self._store.read_all(after=position, limit=1000):
            count, position = count + len(page), page[-1].position
            if count >= TAIL:
                return count
        raise Failed(f"{self.engine}: the feed showed {count} of the newest {TAIL} events; what else uses the server?")

    async def read_streams(self, seconds: float) -> int:
        """Read some streams from anywhere; return how many events."""
        names = self._random.choices(self._filled, k=READS)
        return sum([len(await self._store.read(name)) for name in names])

    async def append(self, seconds: float) -> int:
        """Append from many writers for so long; return how many events."""
        until = time.perf_counter() + seconds

        async def write() -> int:
            stream, version = new_id(), 0
            while time.perf_counter() < until:
                await self._store.append(stream, [NewEvent(type=TYPE, data=DATA)], expected=version)
                version += 1
            return version

        appended = sum(await asyncio.gather(*(write() for _ in range(WRITERS))))
        self._size += appended
        return appended

    async def _append_until(self, size: int, *, at_least: int = 0) -> None:
        """Append from several callers at once, and tell how far it is from time to time."""
        wanted = max(size - self._size, at_least)
        end = self._size + wanted
        began = told = time.perf_counter()

        async def work() -> None:
            nonlocal told
            while self._size < end:
                self._size += STREAM * TOGETHER
                await self._append_together()
                if (now := time.perf_counter()) - told > TELL_SECONDS:
                    told = now
                    rate = (wanted - (end - self._size)) / (now - began)
                    left = (end - self._size) / rate
                    tell(f"{self.engine}: {self._size:,} of {end:,} events, {rate:,.0f}/s, {left:.0f} s left")

        await asyncio.gather(*(work() for _ in range(FILLERS)))

    async def _append_together(self) -> None:
        names = [new_id() for _ in range(TOGETHER)]
        parts = [
            StreamAppend(name, tuple(NewEvent(type=TYPE, data=DATA) for _ in range(STREAM)), NO_STREAM)
            for name in names
        ]
        await self._store.append_many(parts)
        for name in names:
            self._know(name)

    def _know(self, name: str) -> None:
        """Keep a sample of all names (reservoir sampling, algorithm R of J. S. Vitter, 1985)."""
        self._streams += 1
        if len(self._filled) < KNOWN:
            self._filled.append(name)
        elif (place := self._random.randrange(self._streams)) < KNOWN:
            self._filled[place] = name


def _move_log(path: str) -> None:
    connection = sqlite3.connect(path, timeout=60)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


MEASURES: Final[Mapping[str, Callable[[Growing, float], Awaitable[int]]]] = {
    "tail": Growing.read_tail,
    "streams": Growing.read_streams,
    "appends": Growing.append,
}
"""The tail first: what the writers append comes behind it."""
