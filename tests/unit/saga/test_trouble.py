"""What is not known is never taken for a failure: found by simulation, each a few lines here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atoll.core import context as contexts
from atoll.core.errors import AtollError
from atoll.saga import Saga, SagaEngine, SagaFailed, SagaRow, SagaRunning, saga
from atoll.storage import CommitUnknown, ConnectionLost, Database, StatementFailed
from atoll.storage.port import Isolation, Session, Statement
from tests.unit.saga.lives import InstantClock

OK = None


class InDoubt(AtollError):
    """No answer: it may have been done."""

    retryable = True
    in_doubt = True


class Failed(AtollError):
    """An answer that tells nothing of an earlier request."""


class Undone(AtollError):
    """The other side has undone it for good."""

    code = "undone"


class TroubledSession:
    def __init__(self, session: Session, commits: list[tuple[Exception, bool] | None]) -> None:
        self._session, self._commits = session, commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def commit(self, last: Sequence[Statement]) -> None:
        trouble = self._commits.pop(0) if self._commits else None
        await (self._session.rollback() if trouble and not trouble[1] else self._session.commit(last))
        if trouble:
            raise trouble[0]


class TroubledEngine:
    """`commits` says what becomes of the next ones: the error each raises, and whether it is made all the same."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.commits: list[tuple[Exception, bool] | None] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def begin(self, isolation: Isolation = "serializable") -> Any:
        return TroubledSession(await self._engine.begin(isolation), self.commits)


class Shop:
    """A saga over two services elsewhere, which do as they are told by `answers`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.done: list[str] = []
        self.answers: dict[str, list[Exception | None]] = {}

    @saga
    async def checkout(self, s: Saga, order: str) -> str:
        await s.step("charge", self.act, "charge", undo=lambda _: self.act("refund"))
        return await s.step("ship", self.act, "ship")

    async def act(self, what: str) -> str:
        answer = self.answers[what].pop(0) if self.answers.get(what) else None
        if answer is not None:
            raise answer
        self.done.append(what)
        return what


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SagaEngine]:
    real = await Database.open(f"sqlite:///{tmp_path}/shop.db")
    db = await Database.over(TroubledEngine(real.engine))
    engine = SagaEngine(db, owner="shop/0", clock=InstantClock(), lease_seconds=30.0)
    engine.bind(Shop(db))
    await engine.prepare()
    yield engine
    await engine.close()
    await real.close()


@pytest.fixture
def shop(engine: SagaEngine) -> Shop:
    return engine.service  # type: ignore[return-value]


def after(shop: Shop, commits: int, *trouble: tuple[Exception, bool]) -> None:
    """Let that many commits go well, and then these not."""
    troubled: Any = shop.db.engine
    troubled.commits += [*[OK] * commits, *trouble]


async def checkout(shop: Shop) -> str:
    context = msgspec.structs.replace(contexts.new_context(), idempotency_key="k")
    with contexts.use(context):
        return await shop.checkout("o1")


async def test_a_step_done_elsewhere_is_no_failure_because_the_journal_could_not_be_written(shop: Shop) -> None:
    after(shop, 1, (StatementFailed("disk I/O error"), False))
    assert await checkout(shop) == "ship"
    assert shop.done == ["charge", "charge", "ship"]  # the second time under the same key


async def test_an_answer_after_one_in_doubt_is_no_failure_unless_it_is_final(shop: Shop) -> None:
    shop.answers["charge"] = [InDoubt("no answer"), Failed("answered 401")]
    assert await checkout(shop) == "ship"


async def test_an_answer_that_is_not_in_doubt_is_a_failure(shop: Shop) -> None:
    shop.answers["charge"] = [Failed("answered 401")]
    with pytest.raises(SagaFailed, match="401"):
        await checkout(shop)
    assert shop.done == []


async def test_what_the_other_side_has_undone_is_a_failure_also_after_one_in_doubt(shop: Shop) -> None:
    shop.answers["charge"] = [InDoubt("no answer"), Undone("given up")]
    with pytest.raises(SagaFailed, match="given up"):
        await checkout(shop)
    assert shop.done == []


@pytest.mark.parametrize("made", [True, False])
async def test_a_saga_whose_end_was_not_answered_is_not_undone(engine: SagaEngine, shop: Shop, made: bool) -> None:
    after(shop, 3, (CommitUnknown("the connection broke"), made))
    if made:
        assert await checkout(shop) == "ship"
    else:
        with pytest.raises(SagaRunning):
            await checkout(shop)
    assert shop.done == ["charge", "ship"]
    assert [row.cause for row in await engine.journal.recent()] == [None]


async def test_a_saga_whose_journal_cannot_be_written_stops_and_is_resumed(engine: SagaEngine, shop: Shop) -> None:
    shop.answers["ship"] = [Failed("answered 401")]
    after(shop, 2, (ConnectionLost("the server is away"), False))
    with pytest.raises(SagaRunning):
        await checkout(shop)
    assert [row.status for row in await engine.journal.recent()] == ["running"]
    await engine.open()
    assert await checkout(shop) == "ship"
    assert shop.done == ["charge", "ship"]


@pytest.mark.parametrize("error", [StatementFailed("disk I/O error"), Failed("answered 500")])
async def test_an_undo_that_fails_is_tried_again(shop: Shop, error: Exception) -> None:
    shop.answers["ship"] = [Failed("answered 401")]
    shop.answers["refund"] = [error, error]
    with pytest.raises(SagaFailed, match="401"):
        await checkout(shop)
    assert shop.done == ["charge", "refund"]


async def test_an_undo_that_the_other_side_has_undone_for_good_parks_the_saga(engine: SagaEngine, shop: Shop) -> None:
    shop.answers |= {"ship": [Failed("answered 401")], "refund": [Undone("given up")]}
    with pytest.raises(AtollError, match="parked"):
        await checkout(shop)
    rows: list[SagaRow] = await engine.journal.recent()
    assert [row.status for row in rows] == ["parked"]
