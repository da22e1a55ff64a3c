"""Sagas: what is remembered, what is undone, and what a second life makes of a first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atoll.contracts import Problem
from atoll.core import context as contexts
from atoll.core.errors import DeclarationError
from atoll.saga import (
    KeyReused,
    Saga,
    SagaEngine,
    SagaFailed,
    SagaGivenUp,
    SagaParked,
    SagaRunning,
    definition_of,
    saga,
)
from atoll.storage import Database
from tests.unit.saga.lives import InstantClock


class Order(msgspec.Struct, frozen=True):
    id: str


class Receipt(msgspec.Struct, frozen=True):
    order: str
    hold: str


class Declined(Problem, status=402):
    """The card was declined."""

    reason: str = ""


class World:
    """The services that the saga calls, and what was done to them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.keys: list[str | None] = []
        self.trouble: dict[str, list[BaseException]] = {}

    async def act(self, what: str) -> str:
        self.keys.append(contexts.current().idempotency_key)
        if self.trouble.get(what):
            raise self.trouble[what].pop(0)
        self.done.append(what)
        return what


class Shop:
    def __init__(self, db: Database, world: World) -> None:
        self.db, self.world = db, world
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    @saga
    async def checkout(self, s: Saga, order: Order) -> Receipt:
        hold = await s.step("reserve", self.world.act, "reserve", undo=lambda held: self.world.act(f"release {held}"))
        await s.step("note", self.note, order)
        self.reached.set()
        await self.gate.wait()
        await s.step("charge", self.world.act, "charge", undo=lambda paid: self.world.act(f"refund {paid}"))
        await s.step("ship", self.world.act, "ship")
        return Receipt(order.id, hold)

    async def note(self, order: Order) -> None:
        await self.db.execute("INSERT INTO notes VALUES ($1)", order.id)


Start = Callable[[], Coroutine[Any, Any, Shop]]


class Lives:
    """Opens the same database again and again, as restarts of one process would."""

    def __init__(self, url: str) -> None:
        self.url, self.world = url, World()
        self.engine: SagaEngine
        self.db: Database | None = None

    async def begin(self, *, owner: str = "shop/0", gate: bool = True) -> Shop:
        self.db = await Database.open(self.url)
        await self.db.engine.script("CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY)")
        shop = Shop(self.db, self.world)
        if not gate:
            shop.gate.clear()
        self.engine = SagaEngine(self.db, owner=owner, clock=InstantClock(), lease_seconds=30.0)
        self.engine.bind(shop)
        await self.engine.prepare()
        return shop

    async def end(self) -> None:
        if self.db is not None:
            await self.engine.close()
            await self.db.close()
            self.db = None


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    lives = Lives(f"sqlite:///{tmp_path}/shop.db")
    yield lives
    await lives.end()


async def checkout(shop: Shop, key: str = "k", order: str = "o1", timeout: float | None = None) -> Receipt:
    context = msgspec.structs.replace(contexts.new_context(timeout=timeout), idempotency_key=key)
    with contexts.use(context):
        return await shop.checkout(Order(order))


async def reach_the_gate(shop: Shop) -> None:
    """Run the saga up to the gate, with a caller who then goes away."""
    caller = asyncio.create_task(checkout(shop))
    await shop.reached.wait()
    caller.cancel()
    await asyncio.wait({caller})


async def status(lives: Lives) -> str:
    assert lives.db is not None
    return str(await lives.db.fetch_value("SELECT status FROM atoll_sagas"))


async def test_a_saga_runs_its_steps_in_order_and_returns_its_result(lives: Lives) -> None:
    shop = await lives.begin()
    assert await checkout(shop) == Receipt("o1", "reserve")
    assert lives.world.done == ["reserve", "charge", "ship"]


async def test_each_step_has_its_own_key_made_of_saga_and_name(lives: Lives) -> None:
    await checkout(await lives.begin())
    assert [str(key).partition(":")[2] for key in lives.world.keys] == ["reserve", "charge", "ship"]
    assert len({str(key).partition(":")[0] for key in lives.world.keys}) == 1


async def test_the_same_key_gets_the_same_outcome_without_running_again(lives: Lives) -> None:
    shop = await lives.begin()
    assert await checkout(shop) == await checkout(shop)
    assert lives.world.done == ["reserve", "charge", "ship"]


async def test_the_same_key_with_another_input_is_refused(lives: Lives) -> None:
    shop = await lives.begin()
    await checkout(shop)
    with pytest.raises(KeyReused):
        await checkout(shop, order="o2")


async def test_a_problem_undoes_the_steps_done_in_reverse_and_reaches_the_caller_typed(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["ship"] = [Declined(reason="too heavy")]
    with pytest.raises(Declined) as raised:
        await checkout(shop)
    assert raised.value.reason == "too heavy"
    assert lives.world.done == ["reserve", "charge", "refund charge", "release reserve"]


async def test_a_failure_that_may_pass_is_retried_under_the_same_key(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["charge"] = [ConnectionError("reset"), TimeoutError("slow")]
    await checkout(shop)
    charge_keys = [key for key in lives.world.keys if str(key).endswith(":charge")]
    assert len(charge_keys) == 3
    assert len(set(charge_keys)) == 1


async def test_a_step_whose_outcome_stays_unknown_is_settled_and_undone(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["charge"] = [ConnectionError("reset")] * 15
    with pytest.raises(SagaGivenUp, match="reset; everything was undone"):
        await checkout(shop)
    assert lives.world.done == ["reserve", "charge", "refund charge", "release reserve"]


async def test_an_unknown_outcome_that_turns_out_to_be_a_refusal_needs_no_undo(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["charge"] = [*[ConnectionError("reset")] * 13, Declined()]
    with pytest.raises(SagaFailed):
        await checkout(shop)
    assert lives.world.done == ["reserve", "release reserve"]


async def test_a_bug_is_undone_and_told_as_a_failure(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["charge"] = [TypeError("oops")]
    with pytest.raises(SagaFailed, match="oops"):
        await checkout(shop)
    assert await status(lives) == "compensated"


async def test_what_cannot_be_undone_is_parked(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["ship"] = [Declined()]
    lives.world.trouble["refund charge"] = [ConnectionError("gone")] * 100
    with pytest.raises(SagaParked):
        await checkout(shop)
    assert await status(lives) == "parked"


async def test_a_local_step_commits_with_its_journal_row(lives: Lives) -> None:
    shop = await lives.begin()
    await checkout(shop)
    assert await shop.db.fetch_value("SELECT count(*) FROM notes") == 1
    steps = await lives.engine.journal.steps(str(lives.world.keys[0]).partition(":")[0])
    assert [step.name for step in steps] == ["reserve", "note", "charge", "ship"]


async def test_a_deadline_leaves_the_saga_running_and_the_same_key_attaches(lives: Lives) -> None:
    shop = await lives.begin(gate=False)
    with pytest.raises(SagaRunning):
        await checkout(shop, timeout=0.1)
    shop.gate.set()
    assert await checkout(shop) == Receipt("o1", "reserve")
    assert lives.world.done == ["reserve", "charge", "ship"]


async def test_a_new_life_goes_on_where_the_old_one_stopped(lives: Lives) -> None:
    shop = await lives.begin(gate=False)
    await reach_the_gate(shop)
    await lives.end()
    shop = await lives.begin()
    await lives.engine.open()
    assert await checkout(shop) == Receipt("o1", "reserve")
    assert lives.world.done == ["reserve", "charge", "ship"]


async def test_a_new_life_goes_on_compensating(lives: Lives) -> None:
    shop = await lives.begin()
    lives.world.trouble["ship"] = [Declined(reason="x")]
    lives.world.trouble["refund charge"] = [asyncio.CancelledError()]
    with pytest.raises(SagaRunning):
        await checkout(shop)
    await lives.end()
    shop = await lives.begin()
    await lives.engine.open()
    with pytest.raises(Declined):
        await checkout(shop)
    assert lives.world.done == ["reserve", "charge", "refund charge", "release reserve"]


async def test_another_worker_leaves_a_saga_alone_while_its_lease_holds(lives: Lives) -> None:
    shop = await lives.begin(gate=False)
    await reach_the_gate(shop)
    for owner in ("shop/0", "shop/1"):  # even under the same name, which two machines may have by mistake
        other = SagaEngine(shop.db, owner=owner)
        assert await other.claims.claimable() == []


async def test_a_worker_that_stops_gives_its_sagas_back_at_once(lives: Lives) -> None:
    shop = await lives.begin(gate=False)
    await reach_the_gate(shop)
    await lives.end()
    await lives.begin(owner="shop/1")
    assert len(await lives.engine.claims.claimable()) == 1


async def test_a_worker_that_lost_its_lease_cannot_write(lives: Lives) -> None:
    shop = await lives.begin(gate=False)
    await reach_the_gate(shop)
    async with shop.db.transaction():
        await shop.db.execute("UPDATE atoll_sagas SET epoch = epoch + 1")
    shop.gate.set()
    with pytest.raises(SagaRunning):
        await checkout(shop)
    assert await shop.db.fetch_value("SELECT count(*) FROM atoll_saga_steps WHERE name = 'charge'") == 0


async def test_a_saga_started_in_a_transaction_that_fails_never_was(lives: Lives) -> None:
    shop = await lives.begin()
    with pytest.raises(ValueError, match="no"):
        async with shop.db.transaction():
            await lives.engine.start(definition_of(shop.checkout), Order("o1"), id="s1")
            raise ValueError("no")
    assert await lives.engine.journal.get("s1") is None


async def test_two_steps_of_one_name_are_a_mistake_that_is_told(lives: Lives) -> None:
    class Twice(Shop):
        @saga
        async def checkout(self, s: Saga, order: Order) -> Receipt:
            await s.step("a", self.world.act, "a")
            await s.step("a", self.world.act, "a")
            return Receipt("", "")

    await lives.begin()
    assert lives.db is not None
    twice = Twice(lives.db, lives.world)
    lives.engine.bind(twice)
    with pytest.raises(SagaFailed, match="two steps called 'a'"):
        await checkout(twice)


async def test_a_saga_called_within_a_transaction_is_a_mistake_that_is_told(lives: Lives) -> None:
    shop = await lives.begin()
    with pytest.raises(DeclarationError, match=r"self\.start"):
        async with shop.db.transaction():
            await shop.note(Order("o1"))
            await shop.checkout(Order("o1"))


class Lenient(Shop):
    @saga
    async def leave(self, s: Saga, reason: str = "none given") -> str:
        return await s.step("note", self.world.act, reason)


async def test_a_saga_called_without_its_input_takes_the_default(lives: Lives) -> None:
    await lives.begin()
    assert lives.db is not None
    lenient = Lenient(lives.db, lives.world)
    lives.engine.bind(lenient)
    assert [await lenient.leave(), await lenient.leave(reason="moved")] == ["none given", "moved"]
