from __future__ import annotations

from typing import Any

import pytest

from atoll.clients import (
    CallTimedOut,
    UnexpectedReply,
)
from tests.unit.clients.bench import BROKEN, RESERVED, Bench
from tests.unit.clients.sample import OutOfStock, problem, reply


async def test_a_finished_call_is_told_to_the_hooks() -> None:
    bench = Bench(BROKEN, RESERVED)
    await bench.reserve()
    (record,) = bench.records
    assert (record.contract, record.operation, record.outcome) == ("inventory", "reserve", "ok")
    assert (record.status, record.attempts) == (200, 2)
    assert record.seconds >= 0.02


@pytest.mark.parametrize(
    ("answer", "outcome", "status"),
    [
        (problem(**OutOfStock(sku="a", available=0).document()), "out_of_stock", 409),
        (reply(404), "unexpected_reply", 404),
        (CallTimedOut("slow"), "deadline_exceeded", 0),
        (RuntimeError("a bug"), "internal", 0),
    ],
)
async def test_the_record_of_a_failed_call_has_the_errors_code(answer: Any, outcome: str, status: int) -> None:
    bench = Bench(answer)
    with pytest.raises(Exception, match=r"."):
        await bench.reserve()
    assert (bench.records[0].outcome, bench.records[0].status) == (outcome, status)


async def test_an_error_names_the_operation() -> None:
    with pytest.raises(UnexpectedReply, match=r"^inventory\.reserve: answered 404"):
        await Bench(reply(404)).reserve()
