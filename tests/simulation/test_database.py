"""What the simulated database does beside what every engine does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from atoll.storage import CommitUnknown, Database, StorageError, TransactionConflict
from atoll.testing.simulation import Faults
from atoll.testing.simulation.database import SimulatedDatabase, SimulatedEngine
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.trace import Trace


class Disk:
    """A disk, and the processes that use it."""

    def __init__(self, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulationLoop)
        self.loop = loop
        self.disk = SimulatedDatabase("d", Weather(faults, Random(0)), Trace(lambda: (loop.time(), 0)))

    async def open(self, name: str = "one") -> tuple[Process, Database]:
        process = self.loop.process(name, Random(0))
        return process, await Database.over(SimulatedEngine(self.disk, process))

    async def count(self, db: Database) -> int:
        return int(await db.fetch_value("SELECT count(*) FROM t"))


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    disk = Disk(Faults.none())
    _, db = await disk.open("first")
    await db.engine.script("CREATE TABLE t (x INTEGER)")
    yield disk
    disk.loop.revive()


async def insert(db: Database, gate: asyncio.Event | None = None) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO t VALUES (1)")
        if gate is not None:
            await gate.wait()


async def test_what_a_killed_process_had_not_committed_is_gone(disk: Disk) -> None:
    process, db = await disk.open()
    disk.loop.start(process, insert(db, asyncio.Event()))
    await asyncio.sleep(1.0)
    process.kill()
    _, other = await disk.open("two")
    assert await disk.count(other) == 0
    await insert(other)
    assert await disk.count(other) == 1


async def test_what_it_had_committed_stays(disk: Disk) -> None:
    process, db = await disk.open()
    await insert(db)
    process.kill()
    assert await disk.count((await disk.open("two"))[1]) == 1


async def test_a_read_sees_the_last_commit_while_a_transaction_is_open(disk: Disk) -> None:
    _, db = await disk.open()
    await insert(db)
    gate = asyncio.Event()
    writing = asyncio.ensure_future(insert(db, gate))
    await asyncio.sleep(1.0)
    assert await disk.count(db) == 1
    gate.set()
    await writing
    assert await disk.count(db) == 2


async def test_a_stopped_process_keeps_the_others_from_writing_for_some_time_only(disk: Disk) -> None:
    process, db = await disk.open()
    disk.loop.start(process, insert(db, asyncio.Event()))
    await asyncio.sleep(1.0)
    process.stopped = True
    with pytest.raises(TransactionConflict):
        await insert((await disk.open("two"))[1])


@pytest.mark.parametrize("faults", [Faults.none(), Faults()], ids=["calm", "stormy"])
async def test_a_commit_that_raises_was_made_only_when_that_is_not_known(faults: Faults) -> None:
    disk = Disk(faults)
    disk.disk.weather.calm()
    _, db = await disk.open()
    await db.engine.script("CREATE TABLE t (x INTEGER)")
    disk.disk.weather = Weather(faults, Random(0))
    done = unknown = 0
    for _ in range(300):
        try:
            await insert(db)
            done += 1
        except CommitUnknown:
            unknown += 1
        except StorageError:
            pass
    disk.disk.weather.calm()
    assert done <= await disk.count(db) <= done + unknown
    disk.disk.close()
