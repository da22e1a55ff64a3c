"""Every test of sagas again, with the journal in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.saga import SagaEngine
from tests.unit.saga.test_saga import *  # noqa: F403 - its tests, which take the fixture below
from tests.unit.saga.test_saga import Lives, checkout


@pytest.fixture
async def lives(postgres_schema: str) -> AsyncIterator[Lives]:
    lives = Lives(postgres_schema)
    yield lives
    await lives.end()


async def test_two_workers_that_claim_a_dead_worker_s_saga_do_not_both_get_it(lives: Lives) -> None:
    shop = await lives.begin()
    await checkout(shop)
    async with shop.db.transaction():
        await shop.db.execute(
            "UPDATE atoll_sagas SET ended_at = NULL, lease_until = 0, owner = 'dead', holder = 'dead'"
        )
    (seen,) = await lives.engine.claims.claimable()
    other = SagaEngine(shop.db, owner="shop/1")
    claimed = await asyncio.gather(*(each.claims.claim(seen) for each in (lives.engine, other)))
    assert sum(row is not None for row in claimed) == 1
