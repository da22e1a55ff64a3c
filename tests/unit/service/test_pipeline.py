"""The pipeline around an operation, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from atoll.contracts import command, contract, spec_of
from atoll.core import context as contexts
from atoll.core.clock import SystemClock
from atoll.core.context import Context
from atoll.service.errors import KeyReused, RequestInProgress
from atoll.service.expiry import BATCH, ReplyExpiry
from atoll.service.http import Reply, Request
from atoll.service.pipeline import Pipeline, fingerprint
from atoll.storage import Database, StoredReply


@contract("counters")
class Counters(Protocol):
    @command("POST /count")
    async def count(self) -> int: ...


REQUEST = Request(method="POST", path="/count")


class Replica:
    """One of two replicas of a service that share a database; `meanwhile` is what the other one does first."""

    def __init__(self, db: Database, other: Database) -> None:
        self.db, self.other, self.calls = db, other, 0
        self.answer: StoredReply | None = None
        self.pipeline = Pipeline(db)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def count(self) -> int:
        self.calls += 1
        self.reached.set()
        await self.go_on.wait()
        if self.answer is not None:
            async with self.other.transaction():
                self.other.replies.save(":k1", self.answer)
        await self.db.execute("INSERT INTO calls VALUES ($1)", self.calls)
        return self.calls

    async def ask(self, request: Request = REQUEST) -> Reply:
        endpoint = self.pipeline.endpoint(spec_of(Counters).operation("count"), self.count)
        context: Context = msgspec.structs.replace(contexts.new_context(), idempotency_key="k1")
        with contexts.use(context):
            return await endpoint.handle(request)


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Replica]:
    url = f"sqlite:///{tmp_path}/counters.db"
    db, other = await Database.open(url), await Database.open(url)
    await db.engine.script("CREATE TABLE calls (number INTEGER)")
    yield Replica(db, other)
    await other.close()
    await db.close()


async def test_a_reply_is_kept_and_given_again(replica: Replica) -> None:
    assert [(await replica.ask()).body for _ in range(2)] == [b"1", b"1"]
    assert replica.calls == 1


async def test_when_another_replica_was_faster_its_reply_is_given_and_ours_undone(replica: Replica) -> None:
    replica.answer = StoredReply(fingerprint=fingerprint(REQUEST), status=200, body=b"41")
    assert (await replica.ask()).body == b"41"
    assert await replica.db.fetch_value("SELECT count(*) FROM calls") == 0


async def test_when_another_replica_used_the_key_for_something_else_it_is_refused(replica: Replica) -> None:
    replica.answer = StoredReply(fingerprint="other", status=200, body=b"41")
    with pytest.raises(KeyReused):
        await replica.ask()


async def test_of_many_at_once_one_runs_and_the_others_are_told_when_to_ask_again(replica: Replica) -> None:
    replica.go_on.clear()
    first = asyncio.create_task(replica.ask())
    await replica.reached.wait()
    others = await asyncio.gather(*(replica.ask() for _ in range(10)), return_exceptions=True)
    replica.go_on.set()
    assert {type(each) for each in others} == {RequestInProgress}
    assert RequestInProgress.headers == {"retry-after": "1"}
    assert ((await first).body, (await replica.ask()).body, replica.calls) == (b"1", b"1", 1)


async def test_another_request_with_the_key_is_refused_while_the_first_runs_and_afterwards(replica: Replica) -> None:
    other = Request(method="POST", path="/count", query="by=2")
    replica.go_on.clear()
    first = asyncio.create_task(replica.ask())
    await replica.reached.wait()
    with pytest.raises(KeyReused):
        await replica.ask(other)
    replica.go_on.set()
    await first
    with pytest.raises(KeyReused):
        await replica.ask(other)
    assert replica.calls == 1


async def test_a_command_that_failed_leaves_its_key_free(replica: Replica) -> None:
    replica.go_on.clear()
    first = asyncio.create_task(replica.ask())
    await replica.reached.wait()
    first.cancel()
    await asyncio.wait([first])
    replica.go_on.set()
    assert ((await replica.ask()).body, replica.calls) == (b"2", 2)


async def test_a_key_whose_reply_has_expired_is_a_new_one(replica: Replica) -> None:
    clock = LaterClock()
    expiry = ReplyExpiry(replica.db, seconds=100.0, clock=clock)
    await replica.ask()
    clock.later = 99.0
    assert (await expiry.sweep(), (await replica.ask()).body) == (0, b"1")
    clock.later = 101.0
    assert (await expiry.sweep(), (await replica.ask()).body) == (1, b"2")


async def test_expired_replies_go_in_small_batches_with_a_pause_between(replica: Replica) -> None:
    clock = LaterClock()
    async with replica.db.transaction():
        for number in range(2 * BATCH + 5):
            replica.db.replies.save(f"k{number}", StoredReply(fingerprint="f", status=200, body=b""))
    clock.later = 2.0
    assert await ReplyExpiry(replica.db, seconds=1.0, clock=clock).sweep() == 2 * BATCH + 5
    assert len(clock.slept) == 2


async def test_the_sweep_goes_on_by_itself_until_it_is_stopped(replica: Replica) -> None:
    await replica.ask()
    clock = LaterClock(later=200.0)
    expiry = ReplyExpiry(replica.db, seconds=100.0, clock=clock)
    expiry.start()
    async with asyncio.timeout(10):
        while await replica.db.replies.find(":k1") is not None:  # noqa: ASYNC110 - the change is in the code under test
            await asyncio.sleep(0)
    await expiry.stop()
    await expiry.stop()


class LaterClock(SystemClock):
    """A clock that is ahead, on which nobody waits."""

    def __init__(self, later: float = 0.0) -> None:
        self.later = later
        self.slept: list[float] = []

    def now(self) -> float:
        return super().now() + self.later

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
