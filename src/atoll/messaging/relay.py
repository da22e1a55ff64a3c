"""The relay: takes committed messages from a service's outbox to the broker.

Source: https://microservices.io/patterns/data/transactional-outbox.html. At least once: a crash between the
broker's confirmation and ours publishes a message again, under the same id.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from atoll.core import Clock, Hooks
from atoll.core.machine import chance
from atoll.messaging.errors import MessageRefused, MessagingError
from atoll.messaging.port import MessageQueue
from atoll.messaging.records import MessagePublished
from atoll.messaging.waiting import set_within
from atoll.resilience import RetryPolicy, full_jitter
from atoll.storage import Database, OutboxRow

PAGE: Final = 500
POLL_SECONDS: Final = 5.0
CONFIRM_SECONDS: Final = 0.05
REFUSED_SECONDS: Final = 30.0
SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 1000
KEEP_SECONDS: Final = 3600.0
BACKOFF: Final = RetryPolicy(base=0.05, cap=2.0)

_logger = logging.getLogger(__name__)


class Relay:
    """Publishes the outbox of one database: woken by commits, and looking by itself every few seconds.

    A message goes out only after the broker has confirmed the one before it with the same key; keys go side by
    side. Confirmations are noted in the database in batches, and the rows kept for `keep` seconds after that.
    While the broker fails it waits with backoff and full jitter; a message that the broker refuses holds up its
    own key only, and is tried again every half minute.
    """

    def __init__(
        self,
        db: Database,
        queue: MessageQueue,
        *,
        hooks: Hooks,
        clock: Clock,
        keep: float = KEEP_SECONDS,
        random: Callable[[], float] = chance,
    ) -> None:
        self._outbox = db.outbox
        self._queue = queue
        self._hooks = hooks
        self._clock = clock
        self._keep = keep
        self._random = random
        self._sent: set[int] = set()
        self._confirm_at = 0.0
        self._refused: dict[str, float] = {}
        self._sweep_at = clock.monotonic() + SWEEP_SECONDS
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run in a task of its own until `stop`."""
        self._task = asyncio.get_running_loop().create_task(self.run(), name="outbox-relay")

    async def stop(self) -> None:
        """End the task and drain. Idempotent."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        await self.drain()

    async def run(self) -> None:
        """Publish until cancelled."""
        failures = 0
        while True:
            self._outbox.committed.clear()
            try:
                if not await self._round():
                    await self._rest()
            except Exception as error:  # noqa: BLE001 - reported, and tried again
                failures += 1
                self._report(error, failures)
                await self._clock.sleep(full_jitter(BACKOFF, failures, self._random))
            else:
                failures = 0

    async def drain(self) -> None:
        """Publish what is left, until all is out or the broker fails; then it stays for the next start.

        Call it when `run` has ended.
        """
        try:
            while await self._round():
                pass
        except MessagingError as error:
            _logger.warning("messages stay in the outbox until the next start: %s", error)
        await self._confirm()

    async def _round(self) -> bool:
        """Publish what waits, at most a page; tell whether there was anything. Raises when the broker fails."""
        rows = await self._unsent()
        chains = _by_key(rows)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._publish_in_turn(key, chain)) for key, chain in chains.items()]
        if self._sent and self._clock.monotonic() >= self._confirm_at:
            await self._confirm()
        for failure in filter(None, (task.result() for task in tasks)):
            raise failure
        return bool(rows)

    async def _unsent(self) -> list[OutboxRow]:
        now = self._clock.monotonic()
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        limit = PAGE + len(self._sent)
        while True:
            rows = await self._outbox.pending(limit)
            ready = [row for row in rows if row.seq not in self._sent and _lane(row) not in self._refused]
            if ready or len(rows) < limit:
                return ready
            limit *= 2

    async def _publish_in_turn(self, key: str, rows: Iterable[OutboxRow]) -> MessagingError | None:
        """Publish the rows of one key; return what stopped it, unless the broker refused a message."""
        for row in rows:
            began = self._clock.monotonic()
            try:
                await self._queue.publish(row.message)
            except MessageRefused as error:
                _logger.error("message %s of type %s holds up its key: %s", row.message.id, row.message.type, error)
                self._refused[key] = self._clock.monotonic() + REFUSED_SECONDS
                return None
            except MessagingError as error:
                return error
            self._note(row, began)
        return None

    def _note(self, row: OutboxRow, began: float) -> None:
        now = self._clock.monotonic()
        if not self._sent:
            self._confirm_at = now + CONFIRM_SECONDS
        self._sent.add(row.seq)
        self._hooks.emit(MessagePublished(type=row.message.type, seconds=now - began))

    async def _rest(self) -> None:
        """Wait for the next commit; meanwhile note what was published, and sweep."""
        committed = self._outbox.committed
        if self._sent:
            if await set_within(committed, self._confirm_at - self._clock.monotonic(), self._clock):
                return
            await self._confirm()
        if self._clock.monotonic() >= self._sweep_at:
            await self._sweep()
        await set_within(committed, POLL_SECONDS, self._clock)

    async def _confirm(self) -> None:
        if seqs := sorted(self._sent):
            await self._outbox.confirm(seqs)
            self._sent.difference_update(seqs)

    async def _sweep(self) -> None:
        before = self._clock.now() - self._keep
        while await self._outbox.sweep(before, limit=SWEEP_ROWS) == SWEEP_ROWS:
            pass
        self._sweep_at = self._clock.monotonic() + SWEEP_SECONDS

    def _report(self, error: Exception, failures: int) -> None:
        if not isinstance(error, MessagingError):
            _logger.exception("the outbox relay failed; trying again")
        elif failures == 1:
            _logger.warning("messages wait in the outbox: %s", error)


def _by_key(rows: Sequence[OutboxRow]) -> dict[str, list[OutboxRow]]:
    ordered = sorted(rows, key=_lane)
    return {lane: list(chain) for lane, chain in itertools.groupby(ordered, _lane)}


def _lane(row: OutboxRow) -> str:
    """What has to go out in order: the messages of one key, and each message without a key by itself."""
    return f"key {row.message.key}" if row.message.key else f"seq {row.seq}"
