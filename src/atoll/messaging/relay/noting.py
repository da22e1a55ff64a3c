"""Noting in the outbox what the broker has confirmed: in batches, beside the publishing of what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import Final

from atoll.core import Clock
from atoll.core.crashing import crash_point
from atoll.messaging.relay.watch import StoreWatch
from atoll.storage.outbox_lease import OutboxLease

NOTE_SECONDS: Final = 0.05
NOTE_SHARE: Final = 20.0
"""Noting takes at most one part in so many of the time."""
LONGEST_SECONDS: Final = 1.0
"""But it does not wait longer than this, however long the last took: the process may have been stopped meanwhile."""

CONFIRMING: Final = crash_point("relay.confirming")
CONFIRMED: Final = crash_point("relay.confirmed")


class Noting:
    """What was published and is not noted yet; `sent` holds its places in the outbox.

    `wake` is called when noting has ended and there is more to note, or the same again.
    """

    def __init__(self, lease: OutboxLease, watch: StoreWatch, clock: Clock, *, wake: Callable[[], None]) -> None:
        self.sent: set[int] = set()
        self._lease = lease
        self._watch = watch
        self._clock = clock
        self._wake = wake
        self._at = -inf
        self._task: asyncio.Task[None] | None = None

    @property
    def at(self) -> float:
        """When there is something to note; infinite for nothing."""
        return self._at if self.sent and self._task is None else inf

    def add(self, seqs: Iterable[int]) -> None:
        """Have these noted soon."""
        if not self.sent:
            self._at = max(self._at, self._clock.monotonic() + NOTE_SECONDS)
        self.sent.update(seqs)

    def begin_in_time(self) -> None:
        """Begin to note what has waited for long enough. Raises what kept the last try from succeeding."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        if self.at <= self._clock.monotonic():
            self._task = asyncio.get_running_loop().create_task(self._note(), name="outbox-noting")
            self._task.add_done_callback(self._ended)

    async def finish(self) -> None:
        """Note everything now. Raises MessagingError when the broker does not say how far it is, or StorageError."""
        await self.ended()
        await self._note()

    async def forget(self) -> None:
        """Note none of it: it will be published again."""
        await self.ended()
        self.sent.clear()

    async def ended(self) -> None:
        """Wait for what is under way; that it failed tells nothing new, for what it left is noted with the next."""
        if self._task is not None:
            task, self._task = self._task, None
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()

    def _ended(self, _: asyncio.Task[None]) -> None:
        if self.sent:
            self._wake()

    async def _note(self) -> None:
        if not (seqs := sorted(self.sent)):
            return
        began = self._clock.monotonic()
        position = await self._watch.position()
        CONFIRMING.reached()
        await self._lease.confirm(seqs, position)
        CONFIRMED.reached()
        self.sent.difference_update(seqs)
        now = self._clock.monotonic()
        self._at = now + min(LONGEST_SECONDS, max(NOTE_SECONDS, (now - began) * NOTE_SHARE))
