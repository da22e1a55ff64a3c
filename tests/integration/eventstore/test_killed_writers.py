"""What was told to be stored is there after kill -9, once and in order, however many appends shared the commit.

EVENT_STORE_KILLS is how often the writers are killed, on each engine; `make` runs a few.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from atoll.eventstore import START, EventStore, Position, RecordedEvent

KILLS = int(os.environ.get("EVENT_STORE_KILLS", "5"))
TOLD = 150


class Told(NamedTuple):
    """An append that was acknowledged."""

    position: Position
    version: int
    stream: str
    ids: list[str]


async def told_before_the_kill(url: str) -> list[Told]:
    """Let the writers append, kill them, and return what they were told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.eventstore.writers", url, stdout=asyncio.subprocess.PIPE
    )
    if process.stdout is None:
        raise TypeError("there is no pipe")
    async with asyncio.timeout(60):
        lines = [await process.stdout.readline() for _ in range(TOLD)]
        process.kill()
        lines += (await process.stdout.read()).splitlines()
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


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_each_event_that_was_acknowledged_is_there_once_and_in_order_after_a_kill(
    engine: str, tmp_path: Path, postgres_schema: str
) -> None:
    url = f"sqlite:///{tmp_path}/events.db" if engine == "sqlite" else postgres_schema
    told: list[Told] = []
    for _ in range(KILLS):
        told += await told_before_the_kill(url)
    store = await EventStore.open(url)
    found = await all_events(store)
    await store.close()
    where = {each.id: each for each in found}
    assert len(where) == len(found)
    assert [each for one in told for each in one.ids if each not in where] == []
    assert all((where[one.ids[-1]].position, where[one.ids[-1]].version) == (one.position, one.version) for one in told)
    assert [each.position for each in found] == sorted(each.position for each in found)
    assert in_order_of_versions(found)


def in_order_of_versions(found: list[RecordedEvent]) -> bool:
    """Tell whether each stream's versions count from 1 without gaps, in the order of the feed."""
    heads: dict[str, int] = {}
    for each in found:
        if each.version != heads.get(each.stream, 0) + 1:
            return False
        heads[each.stream] = each.version
    return True
