"""One trace through a saga, the outbox and a consumer, each hop recorded by its own package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Event, Message, message_of
from atoll.core import Context, Hooks, SystemClock
from atoll.core import context as contexts
from atoll.messaging import Consumer, MemoryMessageQueue, Relay
from atoll.observability import Tracing
from atoll.observability.spans import Span
from atoll.saga import Saga, SagaEngine, saga
from atoll.storage import Database


class Order(msgspec.Struct, frozen=True):
    id: str


class OrderPlaced(Event):
    id: str


class Shop:
    def __init__(self, db: Database) -> None:
        self.db = db

    @saga
    async def checkout(self, s: Saga, order: Order) -> Order:
        return await s.step("place", self.place, order)

    async def place(self, order: Order) -> Order:
        event = message_of(OrderPlaced(id=order.id), source="order", context=contexts.current(), time=0.0)
        self.db.outbox.add(event)
        return order


class Traced:
    """A shop whose spans are kept in a list, and a consumer of its event."""

    def __init__(self, db: Database, hooks: Hooks) -> None:
        self.spans: list[Span] = []
        Tracing(self, SystemClock()).subscribe(hooks)
        self.db, self.hooks = db, hooks
        self.handled = asyncio.Event()
        self.context: Context | None = None

    def record(self, span: Span, *, end: float) -> None:
        self.spans.append(span)

    def close(self) -> None:
        return

    async def checkout(self, context: Context) -> None:
        engine = SagaEngine(self.db, owner="order/0", hooks=self.hooks)
        engine.bind(shop := Shop(self.db))
        await engine.prepare()
        with contexts.use(context):
            await shop.checkout(Order("o1"))
        await engine.close()

    async def deliver(self) -> None:
        queue, clock = MemoryMessageQueue(), SystemClock()
        handlers = {OrderPlaced.event_type: self.handle}
        consumer = Consumer(self.db, queue, "audit", handlers, hooks=self.hooks, clock=clock)
        await consumer.start()
        await Relay(self.db, queue, hooks=self.hooks, clock=clock).drain()
        async with asyncio.timeout(10):
            await self.handled.wait()
        await consumer.stop()
        await queue.close()

    async def handle(self, message: Message) -> None:
        self.context = contexts.current()
        self.handled.set()

    def span(self, name: str) -> Span:
        (span,) = (each for each in self.spans if each.name == name)
        return span


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[Traced]:
    hooks = Hooks()
    db = await Database.open(f"sqlite:///{tmp_path}/order.db", hooks=hooks)
    yield Traced(db, hooks)
    await db.close()


ASKED = contexts.new_context(sampled=True)


async def test_a_saga_hangs_below_the_request_that_started_it(traced: Traced) -> None:
    await traced.checkout(ASKED)
    assert traced.span("saga checkout").trace.parent_id == ASKED.trace.span_id


async def test_a_step_hangs_below_its_saga(traced: Traced) -> None:
    await traced.checkout(ASKED)
    saga_span, step = traced.span("saga checkout"), traced.span("checkout/place")
    assert step.trace.parent_id == saga_span.trace.span_id


async def test_a_consumer_hangs_below_the_step_that_emitted_its_message(traced: Traced) -> None:
    await traced.checkout(ASKED)
    await traced.deliver()
    step, consumed = traced.span("checkout/place"), traced.span(f"process {OrderPlaced.event_type}")
    assert consumed.trace.parent_id == step.trace.span_id


async def test_a_handler_works_within_the_span_that_is_recorded(traced: Traced) -> None:
    await traced.checkout(ASKED)
    await traced.deliver()
    assert traced.context is not None
    assert traced.context.trace == traced.span(f"process {OrderPlaced.event_type}").trace


async def test_the_request_id_reaches_the_consumer(traced: Traced) -> None:
    await traced.checkout(ASKED)
    await traced.deliver()
    assert traced.context is not None
    assert traced.context.request_id == ASKED.request_id


async def test_unsampled_work_leaves_no_span_on_the_whole_way(traced: Traced) -> None:
    await traced.checkout(contexts.new_context())
    await traced.deliver()
    assert traced.spans == []
