"""Who waits for a saga is told its end, whoever works on it and however soon after the claim can be read."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from atoll.core import context as contexts
from atoll.saga.callers import Callers
from atoll.saga.in_hand import InHand
from atoll.saga.rows import Lease, SagaRow

RUNNING = SagaRow(
    id="s1", name="sell", status="running", input="1", owner="", holder="us", epoch=2, lease_until=30.0, started_at=0.0
)


class Journal:
    """Holds one saga, in the hand of `holder`."""

    holder = "us"

    def __init__(self, row: SagaRow) -> None:
        self.row = row
        self.read = asyncio.Event()

    async def get(self, saga_id: str) -> SagaRow:
        self.read.set()
        return self.row

    async def complete(self, row: SagaRow, lease: Lease) -> SagaRow | None:
        self.row = msgspec.structs.replace(row, status="completed")
        return self.row


async def test_a_saga_that_this_process_has_claimed_and_does_not_work_on_yet_is_waited_for() -> None:
    journal = Journal(RUNNING)
    in_hand = InHand(journal.complete)
    caller = asyncio.create_task(wait(journal, in_hand))
    await journal.read.wait()
    in_hand.take_up(RUNNING)
    assert (await caller).status == "completed"


async def test_a_saga_that_another_process_works_on_is_not_waited_for() -> None:
    journal = Journal(msgspec.structs.replace(RUNNING, holder="them"))
    async with asyncio.timeout(20):
        assert (await wait(journal, InHand(journal.complete))).status == "running"


async def test_a_saga_that_this_process_has_dropped_is_not_waited_for_for_long() -> None:
    journal = Journal(RUNNING)
    async with asyncio.timeout(20):
        assert (await wait(journal, InHand(journal.complete))).status == "running"


async def wait(journal: Journal, in_hand: InHand) -> SagaRow:
    stand_in: Any = journal
    row = await Callers(stand_in, in_hand).wait("s1", contexts.new_context())
    assert row is not None
    return row
