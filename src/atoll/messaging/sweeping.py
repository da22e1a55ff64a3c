"""Keeps the inbox small: forgets, in the background, messages that no broker will deliver again."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from atoll.core import Clock
from atoll.core.errors import SettingsError
from atoll.messaging.repeating import LEAST_INBOX_SECONDS
from atoll.storage import Database

SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 1000
"""At most so many rows in one transaction: a sweep must not hold up the messages."""
KEEP_SECONDS: Final = 30 * 86400.0

_logger = logging.getLogger(__name__)


class InboxSweep:
    """Removes from the inbox what was handled more than `keep` seconds ago, a bounded batch at a time.

    A repetition that comes later than that is handled as if it were new. Repetitions come from a member that dies
    (seconds), from a relay that refills a broker which lost its store (7 days, see `repeating`), and from a message
    that waits, published but unconfirmed, in the outbox of a service that is down: `keep` must be longer than any of
    them. Raises SettingsError for less than 8 days.
    """

    def __init__(self, db: Database, clock: Clock, *, keep: float = KEEP_SECONDS) -> None:
        if keep < LEAST_INBOX_SECONDS:
            raise SettingsError(
                [
                    f"the inbox would forget messages after {keep:g} s, while the broker and the relays may repeat "
                    f"them; keep them for {LEAST_INBOX_SECONDS:g} s at least"
                ]
            )
        self._inbox = db.inbox
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Sweep now and then until cancelled."""
        while True:
            try:
                await self.sweep()
            except Exception:
                _logger.exception("the inbox could not be swept and will be again")
            await self._clock.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Remove all that is old enough; return how many."""
        before, swept = self._clock.now() - self._keep, 0
        while (count := await self._inbox.sweep(before, limit=SWEEP_ROWS)) == SWEEP_ROWS:
            swept += count
            await asyncio.sleep(0)
        return swept + count
