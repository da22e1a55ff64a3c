from __future__ import annotations

from atoll.core.context import IDEMPOTENCY_HEADER, use
from tests.unit.clients.bench import BROKEN, RESERVED, Bench, context
from tests.unit.clients.sample import reply


async def test_a_command_without_a_key_gets_a_new_one_per_call() -> None:
    bench = Bench()
    await bench.reserve()
    await bench.reserve()
    assert len(set(bench.keys)) == 2


async def test_all_attempts_of_a_command_carry_one_key() -> None:
    bench = Bench(BROKEN, BROKEN, RESERVED)
    await bench.reserve()
    assert len(bench.keys) == 3
    assert len(set(bench.keys)) == 1


async def test_a_keyed_command_that_is_repeated_makes_the_same_keyed_calls() -> None:
    bench = Bench()
    for _ in range(2):
        with use(context(idempotency_key="inbound")):
            await bench.reserve()
    assert bench.keys[0] == bench.keys[1] != "inbound"


async def test_a_query_carries_no_key_even_within_a_keyed_command() -> None:
    bench = Bench(reply())
    with use(context(idempotency_key="inbound")):
        await bench.inventory.stock("a")
    assert IDEMPOTENCY_HEADER not in bench.transport.requests[0].headers


async def test_every_request_is_safe_or_carries_a_key() -> None:
    bench = Bench(reply(200, b"[]"))
    await bench.inventory.search("x")
    await bench.inventory.release("1")
    query, command = bench.transport.requests
    assert query.replayable
    assert query.method == "GET"
    assert command.replayable
    assert command.headers[IDEMPOTENCY_HEADER]
