"""Relays of several replicas share one outbox under leases, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.contracts import Message
from atoll.storage import Database
from atoll.storage.broker_position import BrokerPosition
from atoll.storage.key_ranges import RANGES
from atoll.storage.outbox_lease import LEASE_SECONDS, OutboxLease
from tests.unit.messaging.fakes import VirtualClock, message

POSITION = BrokerPosition(store="s", place=3, witness="m")
LATER = BrokerPosition(store="s", place=9, witness="n")


@pytest.fixture(params=["sqlite", "postgres"])
async def db(request: pytest.FixtureRequest, postgres_schema: str, tmp_path: Path) -> AsyncIterator[Database]:
    sqlite = f"sqlite:///{tmp_path}/service.db"
    database = await Database.open(postgres_schema if request.param == "postgres" else sqlite)
    yield database
    await database.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def lease(db: Database, clock: VirtualClock, owner: str) -> OutboxLease:
    return db.outbox.lease(owner=owner, clock=clock)


async def commit(db: Database, *messages: Message) -> None:
    async with db.transaction():
        for each in messages:
            db.outbox.add(each)


async def test_a_relay_alone_holds_everything_at_once(db: Database, clock: VirtualClock) -> None:
    one = lease(db, clock, "one")
    assert await one.keep() == frozenset(range(RANGES))
    assert all(map(one.holds, range(RANGES)))


async def test_two_relays_hold_half_each_once_the_first_has_given_back_its_surplus(
    db: Database, clock: VirtualClock
) -> None:
    one, other = lease(db, clock, "one"), lease(db, clock, "other")
    await one.keep()
    assert await other.keep() == frozenset()
    await one.keep()
    await one.give_back(one.surplus)
    await other.keep()
    assert (len(one.ranges), len(other.ranges), one.ranges & other.ranges) == (8, 8, frozenset())


async def test_relays_that_claim_at_the_same_time_never_share_a_range(db: Database, clock: VirtualClock) -> None:
    leases = [lease(db, clock, str(number)) for number in range(4)]
    await asyncio.gather(*(each.keep() for each in leases))
    held = [key_range for each in leases for key_range in each.ranges]
    assert sorted(held) == sorted({*held})
    await asyncio.gather(*(each.keep() for each in leases))
    assert sum(len(each.ranges) for each in leases) == RANGES


async def test_the_next_life_of_a_slot_takes_back_at_once_what_a_crash_left(db: Database, clock: VirtualClock) -> None:
    await lease(db, clock, "one").keep()
    assert len(await lease(db, clock, "one").keep()) == RANGES


async def test_another_slot_takes_over_when_the_lease_has_run_out_and_not_before(
    db: Database, clock: VirtualClock
) -> None:
    other = lease(db, clock, "other")
    await lease(db, clock, "one").keep()
    clock.advance(LEASE_SECONDS - 0.1)
    assert await other.keep() == frozenset()
    clock.advance(0.2)
    assert len(await other.keep()) == RANGES


async def test_a_lease_that_is_kept_does_not_run_out(db: Database, clock: VirtualClock) -> None:
    one, other = lease(db, clock, "one"), lease(db, clock, "other")
    for _ in range(4):
        await one.keep()
        clock.advance(LEASE_SECONDS / 2)
        assert await other.keep() == frozenset()


async def test_a_relay_knows_by_itself_that_its_lease_has_run_out(db: Database, clock: VirtualClock) -> None:
    one = lease(db, clock, "one")
    await one.keep()
    clock.advance(LEASE_SECONDS)
    assert not one.holds(0)


async def test_a_lease_that_ran_out_and_that_nobody_took_goes_on(db: Database, clock: VirtualClock) -> None:
    one = lease(db, clock, "one")
    await one.keep()
    clock.advance(10 * LEASE_SECONDS)
    await one.keep()
    assert len(one.ranges) == RANGES


async def test_a_relay_that_was_taken_over_can_note_nothing(db: Database, clock: VirtualClock) -> None:
    late, heir = lease(db, clock, "late"), lease(db, clock, "heir")
    await commit(db, message(1))
    await late.keep()
    rows = await late.ready(10)
    await late.confirm([], POSITION)
    clock.advance(LEASE_SECONDS + 0.1)
    await heir.keep()
    await late.confirm([row.seq for row in rows], LATER)
    await late.hold([row.seq for row in rows])
    await late.recall(10)
    assert ([row.seq for row in await heir.ready(10)], heir.positions) == ([rows[0].seq], {POSITION})
    assert not late.runs


async def test_what_is_given_back_is_free_at_once(db: Database, clock: VirtualClock) -> None:
    one, other = lease(db, clock, "one"), lease(db, clock, "other")
    await one.keep()
    await one.leave()
    assert len(await other.keep()) == RANGES


async def test_a_relay_sees_the_messages_of_its_ranges_only(db: Database, clock: VirtualClock) -> None:
    leases = [lease(db, clock, str(number)) for number in range(4)]
    await commit(db, *(message(number) for number in range(100)))
    for _ in range(3):
        for each in leases:
            await each.keep()
            await each.give_back(each.surplus)
    rows = [await each.ready(100) for each in leases]
    assert all(rows)
    assert sorted(row.seq for each in rows for row in each) == sorted(row.seq for row in await db.outbox.pending())


async def test_a_new_holder_learns_where_the_broker_stood(db: Database, clock: VirtualClock) -> None:
    one, other = lease(db, clock, "one"), lease(db, clock, "other")
    await one.keep()
    await one.confirm([], LATER)
    await one.confirm([], POSITION)
    await one.leave()
    await other.keep()
    assert other.positions == {LATER}


async def test_a_refill_takes_back_every_confirmation_that_is_kept(db: Database, clock: VirtualClock) -> None:
    one = lease(db, clock, "one")
    await commit(db, *(message(number) for number in range(5)))
    await one.keep()
    rows = await one.ready(10)
    await one.confirm([row.seq for row in rows], POSITION)
    assert [await one.recall(3), await one.recall(3), await one.recall(3)] == [3, 2, 0]
    await one.forget_positions()
    assert (await one.ready(10), one.positions) == (rows, frozenset())


async def test_a_refill_leaves_what_was_confirmed_too_long_ago(db: Database, clock: VirtualClock) -> None:
    one = lease(db, clock, "one")
    await commit(db, message(1), message(2))
    await one.keep()
    old, young = await one.ready(10)
    await one.confirm([old.seq])
    clock.advance(5.0)
    await one.confirm([young.seq])
    assert await one.recall(10, since=clock.now()) == 1
    assert await one.ready(10) == [young]


async def test_held_messages_wait_with_their_lane_and_are_found_again(db: Database, clock: VirtualClock) -> None:
    one, heir = lease(db, clock, "one"), lease(db, clock, "heir")
    await commit(db, message(1, key="a"), message(2, key="b"), message(3, key="a"))
    await one.keep()
    rows = await one.ready(10)
    await one.hold([row.seq for row in rows if row.lane == "a"])
    await one.leave()
    await heir.keep()
    assert await heir.held() == {"a"}
    assert [row.lane for row in await heir.ready(10)] == ["b"]
    assert [row.message.data for row in await heir.held_rows(["a"], 10)] == [b"1", b"3"]
    assert await db.outbox.count() == 3
