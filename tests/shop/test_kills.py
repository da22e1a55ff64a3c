"""kill -9 of any one process of the shop, while customers are in it, loses nothing."""

from __future__ import annotations

import asyncio
import time

import pytest

from atoll.contracts import spec_of
from atoll.system import RunningSystem
from shop.contracts import CONTRACTS
from shop.customers.customer import Crowd, serve_crowd
from shop.customers.tally import Tally
from shop.demo.run import until_quiet
from shop.invariants import INVARIANTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICES = [spec_of(each).name for each in CONTRACTS]
OUTSIDE = ["cardnet", "mail"]


@pytest.mark.parametrize("victim", [*SERVICES, *OUTSIDE])
async def test_killing_it_in_the_middle_of_checkouts_loses_nothing(system: RunningSystem, victim: str) -> None:
    seed = 100 + [*SERVICES, *OUTSIDE].index(victim)
    tally = Tally(began=time.monotonic(), customers=6)
    crowd = asyncio.create_task(
        serve_crowd(system.gateway_url, Crowd(customers=6, gap=0.05, at_once=6, seed=seed), tally)
    )
    crowd.add_done_callback(lambda _: tally.change())
    await tally.until(lambda: crowd.done() or tally.in_checkout > 0)
    system.kill(victim)
    await system.wait_healthy(victim)
    await crowd
    violations = await until_quiet(system)
    assert (tally.lost, {name: wrong for name, wrong in violations.items() if wrong}) == ({}, {})
    assert len(violations) == len(INVARIANTS)
