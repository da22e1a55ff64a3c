"""What stands around every message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atoll.core import Hooks, Principal
from atoll.core import context as contexts
from atoll.cqrs import (
    Command,
    CommandBus,
    Forbidden,
    InvalidKey,
    InvalidMessage,
    KeyReused,
    MessageExecuted,
    RequestInProgress,
    Route,
    Unauthenticated,
    authorized,
    handles,
    in_unit_of_work,
    once,
    told,
    validated,
)
from atoll.storage import Database
from tests.unit.cqrs.shelf import Burn, Receipt, Shelf, Take


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = await Database.open(f"sqlite:///{tmp_path}/t.db")
    await db.engine.script("CREATE TABLE taken (sku TEXT)")
    yield db
    await db.close()


@contextmanager
def asking(*, key: str | None = None, roles: frozenset[str] | None = None) -> Iterator[None]:
    principal = None if roles is None else Principal(subject="ann", roles=roles)
    context = msgspec.structs.replace(contexts.new_context(), idempotency_key=key, principal=principal)
    with contexts.use(context):
        yield


class Counter:
    """Counts in a table, so that what is undone is not counted."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.pause = asyncio.Event()
        self.pause.set()

    @handles()
    async def take(self, command: Take) -> Receipt:
        await self.pause.wait()
        await self.db.execute("INSERT INTO taken (sku) VALUES ($1)", command.sku)
        if command.number > 100:
            raise ValueError("too many")
        return Receipt(command.sku, await self.count())

    async def count(self) -> int:
        return int(await self.db.fetch_value("SELECT count(*) FROM taken"))


def safe(db: Database) -> tuple[Counter, CommandBus]:
    counter = Counter(db)
    return counter, CommandBus([counter], middleware=[validated, authorized, once(db), in_unit_of_work(db)])


async def test_a_message_that_breaks_its_own_rules_is_refused() -> None:
    bus = CommandBus([Shelf()], middleware=[validated])
    with pytest.raises(InvalidMessage, match="Take: number: Expected `int` >= 1") as caught:
        await bus.execute(Take(sku="a", number=0))
    assert caught.value.field == "number"


@pytest.mark.parametrize(
    ("roles", "refusal"),
    [(None, Unauthenticated), (frozenset[str](), Forbidden), (frozenset({"buyer"}), Forbidden)],
)
async def test_who_lacks_the_role_is_refused(roles: frozenset[str] | None, refusal: type[Exception]) -> None:
    shelf = Shelf()
    with asking(roles=roles), pytest.raises(refusal):
        await CommandBus([shelf], middleware=[authorized]).execute(Burn(sku="a"))
    assert shelf.stock == {"a": 5}


async def test_who_has_the_role_is_let_through() -> None:
    shelf = Shelf()
    with asking(roles=frozenset({"admin"})):
        await CommandBus([shelf], middleware=[authorized]).execute(Burn(sku="a"))
    assert shelf.stock == {"a": 0}


def test_a_route_that_asks_nothing_of_anybody_is_left_as_it_is() -> None:
    def handler(message: Any) -> Any: ...

    class Free:
        authenticated = False
        roles = frozenset[str]()

    assert authorized(Free(), handler) is handler  # type: ignore[arg-type]


async def test_a_command_that_fails_leaves_nothing(db: Database) -> None:
    counter, bus = safe(db)
    with pytest.raises(ValueError, match="too many"):
        await bus.execute(Take(sku="a", number=101))
    assert await counter.count() == 0


async def test_a_key_carries_a_command_out_once(db: Database) -> None:
    counter, bus = safe(db)
    with asking(key="k"):
        first = await bus.execute(Take(sku="a"))
        assert await bus.execute(Take(sku="a")) == first == Receipt("a", 1)
    assert await counter.count() == 1


async def test_the_same_key_for_another_command_is_refused(db: Database) -> None:
    _, bus = safe(db)
    with asking(key="k"):
        await bus.execute(Take(sku="a"))
        with pytest.raises(KeyReused):
            await bus.execute(Take(sku="b"))


async def test_a_key_that_is_being_worked_on_is_told(db: Database) -> None:
    counter, bus = safe(db)
    counter.pause.clear()
    with asking(key="k"):
        running = asyncio.ensure_future(bus.execute(Take(sku="a")))
        await asyncio.sleep(0)
        with pytest.raises(RequestInProgress):
            await bus.execute(Take(sku="a"))
        counter.pause.set()
        assert await running == Receipt("a", 1)


async def test_keys_of_two_people_are_two_keys(db: Database) -> None:
    counter, bus = safe(db)
    for roles in (None, frozenset[str]()):
        with asking(key="k", roles=roles):
            await bus.execute(Take(sku="a"))
    assert await counter.count() == 2


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
async def test_a_key_that_is_none_is_refused(db: Database, key: str) -> None:
    _, bus = safe(db)
    with asking(key=key), pytest.raises(InvalidKey):
        await bus.execute(Take(sku="a"))


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_nor_does_what_keeps_its_own_journal_take_such_a_key(db: Database, key: str) -> None:
    step = once(db)(Route(name="pay", kind="command", durable=True, digest=str, keep=str, restore=str), done)  # type: ignore[arg-type]
    with asking(key="k"):
        assert await step("order") == "done: order"
    with asking(key=key), pytest.raises(InvalidKey):
        await step("order")


async def done(message: Any) -> str:
    return f"done: {message}"


class Fail(Command[None]):
    pass


@handles()
async def fail(command: Fail) -> None:
    raise KeyError


async def test_every_message_is_told_in_a_span_of_its_own() -> None:
    seen: list[MessageExecuted] = []
    hooks = Hooks()
    hooks.on(MessageExecuted, seen.append)
    bus = CommandBus([Shelf(), fail], middleware=[told(hooks)])
    with asking():
        outer = contexts.current().trace
        await bus.execute(Take(sku="a"))
        with pytest.raises(KeyError):
            await bus.execute(Fail())
    assert [(each.name, each.kind, each.error_type) for each in seen] == [
        ("Take", "command", ""),
        ("Fail", "command", "KeyError"),
    ]
    assert all(each.trace.parent_id == outer.span_id for each in seen)
