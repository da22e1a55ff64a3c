"""The pipeline around an operation, without HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from atoll.contracts import command, contract, spec_of
from atoll.core import context as contexts
from atoll.core.context import Context
from atoll.service.errors import KeyReused
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

    async def count(self) -> int:
        self.calls += 1
        if self.answer is not None:
            async with self.other.transaction():
                self.other.replies.save(":k1", self.answer)
        await self.db.execute("INSERT INTO calls VALUES ($1)", self.calls)
        return self.calls

    async def ask(self) -> Reply:
        pipeline = Pipeline(self.db)
        endpoint = pipeline.endpoint(spec_of(Counters).operation("count"), self.count)
        context: Context = msgspec.structs.replace(contexts.new_context(), idempotency_key="k1")
        return await pipeline.handle(endpoint, REQUEST, context)


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
