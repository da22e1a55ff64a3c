"""What depends on what two transactions see of each other, again with the journal in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.saga.lives import Lives, Paid, start
from tests.unit.saga.test_decisions import (  # noqa: F401 - its fixture, and tests that take the one below
    parked,
    test_a_decision_whose_process_is_killed_is_gone_on_with_by_another,
    test_after_a_decision_whoever_still_worked_on_the_saga_can_write_no_more,
    test_of_two_operators_who_decide_at_once_one_wins_and_the_other_is_told,
)
from tests.unit.saga.test_waits import (  # noqa: F401
    Paying,
    test_a_second_wait_takes_the_second_event_and_every_saga_gets_each,
    test_a_sleep_goes_on_across_a_restart_to_the_time_fixed_when_it_began,
    test_an_event_that_came_before_the_saga_waits_is_not_lost,
    test_events_are_swept_once_no_open_saga_began_before_them,
)

MANY = 20


@pytest.fixture
async def shop(postgres_schema: str) -> AsyncIterator[Lives]:
    lives = Lives(postgres_schema)
    yield lives
    await lives.end()


async def test_no_event_slips_by_a_saga_that_goes_to_wait_for_it_at_the_same_time(shop: Lives) -> None:
    service = await shop.begin(Paying)
    ids = [f"s{number}" for number in range(MANY)]
    await asyncio.gather(*(start(shop, service.pay, each) for each in ids))
    await shop.hear(Paid(order="o1", amount=7))  # somewhere among their steps and their waits
    assert [(await shop.ended(each)).result for each in ids] == ["7"] * MANY
