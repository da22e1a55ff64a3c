"""A step whose commit was not answered is neither lost nor done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atoll.core import context as contexts
from atoll.saga import Saga, SagaEngine, saga
from atoll.storage import CommitUnknown, Database
from atoll.storage.port import Isolation, Result, Session, Statement
from tests.unit.saga.lives import InstantClock


class Order(msgspec.Struct, frozen=True):
    id: str


class ForgetfulSession:
    """A session whose commit may be made and not answered, or neither."""

    def __init__(self, session: Session, engine: ForgetfulEngine) -> None:
        self._session, self._engine = session, engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def commit(self, last: Sequence[Statement]) -> None:
        made = self._engine.commits.pop(0) if self._engine.commits else None
        await (self._session.rollback() if made is False else self._session.commit(last))
        if made is not None:
            raise CommitUnknown("the connection broke")


class ForgetfulEngine:
    """`commits` says for each of the next commits whether it is made; its answer is lost. None: as usual."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.commits: list[bool | None] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def begin(self, isolation: Isolation = "serializable") -> Any:
        return ForgetfulSession(await self._engine.begin(isolation), self)

    async def read(self, statement: Statement) -> Result:
        result: Result = await self._engine.read(statement)
        return result


class Shop:
    def __init__(self, db: Database) -> None:
        self.db = db

    @saga
    async def checkout(self, s: Saga, order: Order) -> str:
        first = await s.step("note", self.note, order, undo=self.strike)
        return first + await s.step("note again", self.note, order)

    async def note(self, order: Order) -> str:
        await self.db.execute("INSERT INTO notes (id) VALUES ($1)", order.id)
        return order.id

    async def strike(self, order: str) -> None:
        await self.db.execute("INSERT INTO notes (id) VALUES ($1)", f"-{order}")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    real = await Database.open(f"sqlite:///{tmp_path}/shop.db")
    await real.engine.script("CREATE TABLE notes (seq {serial}, id TEXT)")
    shop = Shop(await Database.over(ForgetfulEngine(real.engine)))
    engine = SagaEngine(shop.db, owner="shop/0", clock=InstantClock())
    engine.bind(shop)
    await engine.prepare()
    yield shop
    await engine.close()
    await real.close()


async def checkout(shop: Shop) -> str:
    context = msgspec.structs.replace(contexts.new_context(), idempotency_key="k")
    with contexts.use(context):
        return await shop.checkout(Order("o1"))


@pytest.mark.parametrize("made", [True, False])
async def test_a_step_is_done_once_whether_its_lost_commit_was_made_or_not(shop: Shop, made: bool) -> None:
    engine: Any = shop.db.engine
    engine.commits = [None, made]
    assert await checkout(shop) == "o1o1"
    assert await shop.db.fetch_value("SELECT count(*) FROM notes") == 2


async def test_a_step_that_stays_unknown_to_the_last_try_is_undone_once(shop: Shop) -> None:
    engine: Any = shop.db.engine
    engine.commits = [None, *[False] * 11, True]
    with pytest.raises(Exception, match="broke"):
        await checkout(shop)
    assert await shop.db.fetch_value("SELECT count(*) FROM notes WHERE id = 'o1'") == 1
    assert await shop.db.fetch_value("SELECT count(*) FROM notes WHERE id = '-o1'") == 1


@pytest.mark.parametrize("made", [True, False])
async def test_an_undo_is_done_once_whether_its_lost_commit_was_made_or_not(shop: Shop, made: bool) -> None:
    engine: Any = shop.db.engine
    engine.commits = [None, *[False] * 12, None, None, made]
    with pytest.raises(Exception, match="broke"):
        await checkout(shop)
    assert await shop.db.fetch_value("SELECT count(*) FROM notes WHERE id = '-o1'") == 1
