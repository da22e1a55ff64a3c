"""Waiting for a saga's end, for as long as the caller's deadline allows."""

from __future__ import annotations

import asyncio
from typing import Final

from atoll.core.context import Context
from atoll.saga.in_hand import InHand
from atoll.saga.journal import Journal
from atoll.saga.outcome import running
from atoll.saga.rows import ENDED, SagaRow

ANSWER_SECONDS: Final = 0.05
"""Left of a caller's time for the answer that the saga is still running."""
LEAST_SECONDS: Final = 0.001
"""What is less than this is no time to wait: a clock may not even show it."""
ASK_SECONDS: Final = 1.0
"""How often a caller's saga that rests is looked up, in case that another replica goes on with it."""
SOON_SECONDS: Final = 0.1
"""Within this time a process works on what it has just claimed: others see the claim before it knows of it itself."""


class Callers:
    """Those who wait for sagas in this process."""

    def __init__(self, journal: Journal, in_hand: InHand) -> None:
        self._journal = journal
        self._in_hand = in_hand

    async def wait(self, saga_id: str, context: Context) -> SagaRow | None:
        """Return the saga once it has ended; as it is when another process works on it. Raises SagaRunning."""
        while True:
            if (task := self._in_hand.task(saga_id)) is not None:
                done, _ = await asyncio.wait({task}, timeout=_time_left(saga_id, context))
                if not done:
                    raise running(saga_id)
                if not task.cancelled() and (ended := task.result()) is not None:
                    return ended
                self._in_hand.lay_down(saga_id, task)
                continue
            row = await self._journal.get(saga_id)
            if row is None or row.status in ENDED:
                return row
            rests = row.wake_at is not None
            if not rests and row.holder != self._journal.holder:
                return row
            left, patience = _time_left(saga_id, context), ASK_SECONDS if rests else SOON_SECONDS
            taken = await self._in_hand.taken_up(saga_id, patience if left is None else min(left, patience))
            if not (taken or rests):
                return row


def _time_left(saga_id: str, context: Context) -> float | None:
    """Return the seconds a caller may still wait; None without a deadline. Raises SagaRunning."""
    left = context.remaining()
    if left is None:
        return None
    if left < ANSWER_SECONDS + LEAST_SECONDS:
        raise running(saga_id)
    return left - ANSWER_SECONDS
