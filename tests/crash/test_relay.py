"""A relay that dies while the broker refuses a message, or has lost its store: the next one publishes all, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from atoll.contracts import Message
from atoll.core.clock import SystemClock
from atoll.core.crashing import POINTS
from atoll.core.hooks import Hooks
from atoll.messaging import Handler, MessageRefused, Subscription
from atoll.messaging.relay import Relay
from atoll.storage import Database
from atoll.storage.broker_position import BrokerPosition

IDS = ["m1", "m2", "m3"]


class Died(BaseException):
    """The process ends here."""


class Broker:
    """Stores messages, refuses some, and may lose its store."""

    def __init__(self) -> None:
        self.store = 1
        self.ids: list[str] = []
        self.refused: set[str] = set()
        self.changed = asyncio.Event()

    async def publish(self, message: Message) -> None:
        if message.id in self.refused:
            raise MessageRefused("too large")
        self.ids.append(message.id)
        self.changed.set()

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        raise NotImplementedError

    async def close(self) -> None: ...

    @property
    def connection(self) -> int:
        return self.store

    async def position(self) -> BrokerPosition | None:
        return BrokerPosition(store=str(self.store), place=len(self.ids), witness=self.ids[-1]) if self.ids else None

    async def remembers(self, position: BrokerPosition) -> bool:
        return position.store == str(self.store)

    def lose_everything(self) -> None:
        self.store += 1
        self.ids.clear()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/outbox.db")
    yield database
    await database.close()


async def commit(db: Database, *ids: str) -> None:
    async with db.transaction():
        for each in ids:
            db.outbox.add(Message(id=each, type="t", source="s", time=0.0, key="k"))


async def live(db: Database, broker: Broker, wanted: Sequence[str] = ()) -> None:
    """Run a relay until it dies, or the broker has what is wanted and that is noted."""
    relay = Relay(db, broker, hooks=Hooks(), clock=SystemClock(), owner="relay/0")
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20.0):
        while not running.done() and broker.ids != wanted:
            broker.changed.clear()
            changed = asyncio.ensure_future(broker.changed.wait())
            await asyncio.wait({running, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
    if not running.done():
        running.cancel()
        await asyncio.wait({running})
        await relay.drain()
    elif (died := running.exception()) is not None:
        raise died


def die() -> None:
    raise Died


async def die_at(point: str, db: Database, broker: Broker) -> None:
    POINTS[point].arm(die)
    try:
        with pytest.raises(Died):
            await live(db, broker)
    finally:
        POINTS[point].disarm()


async def test_what_is_held_behind_a_refused_message_goes_out_in_order_after_a_death(db: Database) -> None:
    broker = Broker()
    broker.refused.add("m1")
    await commit(db, *IDS)
    await die_at("relay.held", db, broker)
    broker.refused.clear()
    await live(db, broker, IDS)
    assert broker.ids == IDS
    assert await db.outbox.count() == 0


async def test_a_refill_that_a_death_breaks_off_is_done_by_the_next_relay(db: Database) -> None:
    broker = Broker()
    await commit(db, *IDS)
    await live(db, broker, IDS)
    broker.lose_everything()
    await die_at("relay.recalled", db, broker)
    await live(db, broker, IDS)
    assert broker.ids == IDS
    assert await db.outbox.count() == 0
