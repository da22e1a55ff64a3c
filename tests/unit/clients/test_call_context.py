from __future__ import annotations

from atoll.core import Principal
from atoll.core.context import use
from tests.unit.clients.bench import BROKEN, RESERVED, Bench, context
from tests.unit.clients.sample import reply


async def test_a_call_is_a_child_span_of_the_callers_trace() -> None:
    bench, caller = Bench(), context()
    with use(caller):
        await bench.reserve()
    _, trace, span, _ = bench.header("traceparent").split("-")
    assert trace == caller.trace.trace_id
    assert span != caller.trace.span_id


async def test_all_attempts_of_a_call_are_one_span() -> None:
    bench = Bench(BROKEN, RESERVED)
    await bench.reserve()
    assert len({each.headers["traceparent"] for each in bench.transport.requests}) == 1


async def test_request_id_baggage_and_token_travel_on() -> None:
    bench = Bench()
    with use(context(request_id="r-1", baggage={"ring": "7"}, principal=Principal(subject="u", token="t"))):
        await bench.reserve()
    sent = bench.transport.requests[0].headers
    assert (sent["x-request-id"], sent["baggage"], sent["authorization"]) == ("r-1", "ring=7", "Bearer t")


async def test_only_a_body_has_a_content_type() -> None:
    bench = Bench(RESERVED, reply())
    await bench.reserve()
    await bench.inventory.stock("a")
    with_body, without = bench.transport.requests
    assert with_body.headers["content-type"] == "application/json"
    assert "content-type" not in without.headers
