"""The thread of a SQLite connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from threading import Event, current_thread
from typing import Any

import pytest

from atoll.storage import ConnectionLost
from atoll.storage.sqlite.worker import Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker(sqlite3.connect(":memory:", check_same_thread=False), "test")
    yield worker
    await worker.close()


def value(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]


async def test_calls_run_one_after_the_other_on_one_thread(worker: Worker) -> None:
    order: list[tuple[int, str]] = []

    def note(_: sqlite3.Connection, number: int) -> None:
        order.append((number, current_thread().name))

    await asyncio.gather(*(worker.run(note, number) for number in range(20)))
    assert order == [(number, "test") for number in range(20)]


async def test_what_a_call_raises_is_raised(worker: Worker) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        await worker.run(value, "nonsense")
    assert await worker.run(value, "SELECT 1") == 1


async def test_a_call_that_is_cancelled_before_its_turn_is_not_made(worker: Worker) -> None:
    go_on, made = Event(), list[int]()
    first = asyncio.create_task(worker.run(lambda _: go_on.wait(10)))
    second = asyncio.create_task(worker.run(lambda _: made.append(2)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    go_on.set()
    await first
    assert (await worker.run(value, "SELECT 1"), made) == (1, [])


async def test_calls_given_before_the_close_are_made_and_later_ones_refused(worker: Worker) -> None:
    task = asyncio.create_task(worker.run(value, "SELECT 1"))
    await asyncio.sleep(0)
    await worker.close()
    assert await task == 1
    with pytest.raises(ConnectionLost, match="closed"):
        await worker.run(value, "SELECT 1")


async def test_when_the_thread_dies_everyone_is_told(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    no_job: Any = "what the thread does not know how to do"
    worker._jobs.put(no_job)
    with pytest.raises(ConnectionLost):
        await worker.run(value, "SELECT 1")
    with pytest.raises(ConnectionLost):
        await worker.run(value, "SELECT 1")
    assert "cannot be used any more" in caplog.text


async def test_a_loop_that_is_gone_does_not_end_the_thread(worker: Worker) -> None:
    def elsewhere() -> None:
        async def give() -> None:
            worker.post(lambda *_: None, lambda _: go_on.wait(10))

        asyncio.run(give())

    go_on = Event()
    await asyncio.to_thread(elsewhere)
    go_on.set()
    assert await worker.run(value, "SELECT 1") == 1
