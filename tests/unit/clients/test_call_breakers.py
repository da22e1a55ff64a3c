from __future__ import annotations

import asyncio

import pytest

from atoll.clients import CallError, CallTimedOut, CircuitOpen, MalformedReply, UnexpectedReply
from atoll.clients.port import Reply
from atoll.core.context import new_context, use
from atoll.resilience import RetryPolicy
from tests.unit.clients.bench import BROKEN, IN_PROGRESS, RESERVED, Bench
from tests.unit.clients.sample import Answer, Closed, instance, problem, reply


async def fail(bench: Bench, times: int) -> None:
    for _ in range(times):
        with pytest.raises(CallError):
            await bench.reserve()


@pytest.mark.parametrize("answer", [BROKEN, reply(500), reply(503), CallTimedOut("slow"), MalformedReply("noise")])
async def test_an_instance_that_fails_is_not_called_any_more(answer: Answer) -> None:
    bench = Bench(answer, retry=RetryPolicy(attempts=1))
    await fail(bench, 10)
    with pytest.raises(CircuitOpen):
        await bench.reserve()
    assert len(bench.transport.requests) == 10


@pytest.mark.parametrize("answer", [reply(404), reply(429), reply(202), IN_PROGRESS])
async def test_an_instance_that_answers_no_is_healthy(answer: Answer) -> None:
    bench = Bench(answer, retry=RetryPolicy(attempts=1))
    for _ in range(20):
        with use(new_context(timeout=0.1)), pytest.raises(CallError):
            await bench.reserve()
    assert len(bench.transport.requests) >= 20


async def test_a_problem_is_no_failure_of_the_instance() -> None:
    bench = Bench(problem(**Closed().document()))
    for _ in range(20):
        with pytest.raises(Closed):
            await bench.reserve()


async def test_a_cancelled_call_says_nothing_about_the_instance() -> None:
    async def never() -> Reply:
        return await asyncio.Future[Reply]()

    bench = Bench(never)
    for _ in range(20):
        task = asyncio.create_task(bench.reserve())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert len(bench.transport.requests) == 20
    assert {each.outcome for each in bench.records} == {"cancelled"}


async def test_an_instance_that_fails_now_and_then_stays_in_use() -> None:
    bench = Bench(*[RESERVED, RESERVED, reply(500)] * 10, RESERVED)
    bench.resolver.found = [instance("only")]
    outcomes = await asyncio.gather(*(bench.reserve() for _ in range(31)), return_exceptions=True)
    assert len(bench.transport.requests) == 31
    assert sum(isinstance(each, UnexpectedReply) for each in outcomes) == 10
