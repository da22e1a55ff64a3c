from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from atoll.clients import (
    CallError,
    CallTimedOut,
    Clients,
    Overloaded,
)
from atoll.core import DeadlineExceeded
from atoll.core.context import DEADLINE_HEADER, new_context, use
from atoll.discovery.port import Instance
from tests.unit.clients.bench import Bench, context
from tests.unit.clients.sample import Inventory, ScriptedTransport, reply


async def test_a_callee_gets_the_time_that_is_left_less_a_margin() -> None:
    bench = Bench()
    with use(new_context(timeout=2.0)):
        await bench.reserve()
    assert 1800 <= int(bench.header(DEADLINE_HEADER)) <= 1980


async def test_the_operations_timeout_bounds_a_call_without_a_deadline() -> None:
    bench = Bench(reply())
    await bench.inventory.stock("a")
    assert 4.5 < bench.transport.timeouts[0] <= 5.0


async def test_the_operations_timeout_bounds_a_call_with_a_later_deadline() -> None:
    bench = Bench(reply())
    with use(new_context(timeout=60.0)):
        await bench.inventory.stock("a")
    assert bench.transport.timeouts[0] <= 5.0


async def test_a_call_after_the_deadline_is_not_made() -> None:
    bench = Bench()
    with use(context(deadline=time.monotonic() - 1)), pytest.raises(DeadlineExceeded):
        await bench.reserve()
    assert bench.transport.requests == []


async def test_a_timeout_is_both_a_call_error_and_an_exceeded_deadline() -> None:
    bench = Bench(CallTimedOut("no answer"))
    with pytest.raises(DeadlineExceeded) as caught:
        await bench.reserve()
    assert isinstance(caught.value, CallError)
    assert len(bench.transport.requests) == 1


async def test_there_is_no_retry_when_its_wait_would_outlast_the_deadline() -> None:
    bench = Bench(Overloaded("busy", status=503, retry_after=1.0))
    with use(new_context(timeout=0.9)), pytest.raises(Overloaded):
        await bench.reserve()
    assert bench.clock.sleeps == []


async def test_a_registry_that_does_not_answer_is_a_timeout() -> None:
    class Silent:
        async def instances(self, service: str) -> Sequence[Instance]:
            return await asyncio.Future[Sequence[Instance]]()

    inventory = Clients(Silent(), ScriptedTransport(reply())).of(Inventory)
    with use(new_context(timeout=0.05)), pytest.raises(CallTimedOut, match="registry"):
        await inventory.stock("a")
