from __future__ import annotations

import pytest

from atoll.clients import (
    CallError,
    ConnectionFailed,
    MalformedReply,
    NoInstances,
    Overloaded,
    Pending,
    UnexpectedReply,
)
from atoll.core.context import new_context, use
from atoll.resilience import RetryPolicy
from tests.unit.clients.bench import BROKEN, IN_PROGRESS, RESERVED, Bench
from tests.unit.clients.sample import OutOfStock, instance, problem, reply


@pytest.mark.parametrize("error", [BROKEN, ConnectionFailed("refused", sent=False), Overloaded("busy", status=503)])
async def test_what_nobody_took_is_tried_again(error: CallError) -> None:
    bench = Bench(error, RESERVED)
    assert await bench.reserve() == "1"
    assert bench.records[0].attempts == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
async def test_an_answer_is_not_asked_for_again(status: int) -> None:
    bench = Bench(reply(status))
    with pytest.raises(UnexpectedReply) as caught:
        await bench.reserve()
    assert caught.value.status == status
    assert len(bench.transport.requests) == 1


async def test_a_declared_problem_is_raised_and_not_retried() -> None:
    bench = Bench(problem(**OutOfStock(sku="a", available=0).document()))
    with pytest.raises(OutOfStock):
        await bench.reserve()
    assert len(bench.transport.requests) == 1


async def test_a_malformed_reply_is_not_asked_for_again() -> None:
    bench = Bench(MalformedReply("noise"))
    with pytest.raises(MalformedReply):
        await bench.reserve()
    assert len(bench.transport.requests) == 1


async def test_attempts_are_limited() -> None:
    bench = Bench(BROKEN, retry=RetryPolicy(attempts=4))
    with pytest.raises(ConnectionFailed):
        await bench.reserve()
    assert len(bench.transport.requests) == 4


async def test_waits_are_jittered_backoff() -> None:
    bench = Bench(BROKEN, retry=RetryPolicy(attempts=4, base=0.1, cap=0.3))
    with pytest.raises(ConnectionFailed):
        await bench.reserve()
    assert bench.clock.sleeps == pytest.approx([0.05, 0.1, 0.15])


async def test_retry_after_is_honoured() -> None:
    bench = Bench(reply(503, retry_after="2"), RESERVED)
    await bench.reserve()
    assert bench.clock.sleeps == [2.0]


async def test_a_retry_prefers_an_instance_that_was_not_tried() -> None:
    bench = Bench(BROKEN, reply(), RESERVED)

    async def others_call_meanwhile(seconds: float) -> None:
        await bench.inventory.stock("a")

    bench.clock.sleep = others_call_meanwhile  # type: ignore[method-assign]
    await bench.reserve()
    failed, _, retried = bench.transport.instances
    assert failed != retried


async def test_the_budget_ends_retries_in_an_outage() -> None:
    bench = Bench(Overloaded("busy", status=429), retry_share=0.0)
    for _ in range(30):
        with pytest.raises(Overloaded):
            await bench.reserve()
    assert len(bench.transport.requests) <= 30 + 10 + bench.clock.jumped + 1


async def test_no_instance_is_looked_for_again() -> None:
    bench = Bench()
    bench.resolver.found = []
    with pytest.raises(NoInstances, match=r"inventory\.reserve: the registry knows no passing instance"):
        await bench.reserve()
    assert len(bench.clock.sleeps) == 2


async def test_an_instance_that_appears_meanwhile_takes_the_call() -> None:
    bench = Bench()
    bench.resolver.found = []
    waited = bench.clock.sleep

    async def appear(seconds: float) -> None:
        bench.resolver.found = [instance("late")]
        await waited(seconds)

    bench.clock.sleep = appear  # type: ignore[method-assign]
    assert await bench.reserve() == "1"


async def test_accepted_is_raised_as_pending_at_once() -> None:
    bench = Bench(reply(202))
    with pytest.raises(Pending):
        await bench.reserve()
    assert len(bench.transport.requests) == 1


async def test_in_progress_is_asked_again_under_the_same_key_beyond_the_attempts() -> None:
    bench = Bench(*[IN_PROGRESS] * 6, RESERVED)
    assert await bench.reserve() == "1"
    assert len(bench.keys) == 7
    assert len(set(bench.keys)) == 1


async def test_in_progress_until_the_deadline_is_raised_as_pending() -> None:
    bench = Bench(IN_PROGRESS)
    with use(new_context(timeout=3.0)), pytest.raises(Pending) as caught:
        await bench.reserve()
    assert caught.value.status == 409
    assert 2.0 < bench.clock.jumped < 3.0
