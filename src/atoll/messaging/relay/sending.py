"""Publishing a page of the outbox: together where the queue can, else each lane in turn and the lanes side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from atoll.core import Clock, Hooks
from atoll.core.crashing import crash_point
from atoll.messaging.errors import MessageRefused, MessagingError
from atoll.messaging.port import BatchingQueue, MessageQueue
from atoll.messaging.records import MessagePublished
from atoll.storage.outbox_lease import LeasedRow

LANE_ROWS: Final = 20
"""The most that one lane publishes of a page, because the others wait for the longest."""

PUBLISHED: Final = crash_point("relay.published")


@dataclass(slots=True)
class Sent:
    """What became of a page: the places stored, the lanes refused, the failure that ended it."""

    stored: set[int] = field(default_factory=set[int])
    refused: dict[str, MessageRefused] = field(default_factory=dict[str, MessageRefused])
    failure: MessagingError | None = None


class Sending:
    """Publishes rows through `queue`, as long as `may_send` says so of their key range.

    The places of those that the broker has stored are given to `note` at once, whatever becomes of the others.
    """

    def __init__(
        self,
        queue: MessageQueue,
        *,
        hooks: Hooks,
        clock: Clock,
        may_send: Callable[[int], bool],
        note: Callable[[Sequence[int]], None],
    ) -> None:
        self._queue = queue
        self._hooks = hooks
        self._clock = clock
        self._may_send = may_send
        self._noted = note

    async def send(self, rows: Sequence[LeasedRow]) -> Sent:
        """Publish `rows`, which are in order. A message goes out only when those before it in its lane are stored."""
        sent = Sent()
        if isinstance(self._queue, BatchingQueue) and (batch := self._queue.batch) > 1:
            for start in range(0, len(rows), batch):
                await self._together(self._queue, rows[start : start + batch], sent)
        else:
            await self._side_by_side(rows, sent)
        return sent

    async def _together(self, queue: BatchingQueue, rows: Sequence[LeasedRow], sent: Sent) -> None:
        rows = [row for row in rows if row.lane not in sent.refused]
        if sent.failure is not None or not all(self._may_send(row.key_range) for row in rows):
            return
        began = self._clock.monotonic()
        try:
            await queue.publish_together([row.message for row in rows])
        except MessageRefused:
            await self._side_by_side(rows, sent)
        except MessagingError as error:
            sent.failure = error
        else:
            self._note(rows, began, sent)

    async def _side_by_side(self, rows: Sequence[LeasedRow], sent: Sent) -> None:
        async with asyncio.TaskGroup() as group:
            for chain in _lanes(rows):
                group.create_task(self._in_turn(chain[:LANE_ROWS], sent))

    async def _in_turn(self, chain: Iterable[LeasedRow], sent: Sent) -> None:
        for row in chain:
            if sent.failure is not None or not self._may_send(row.key_range):
                return
            began = self._clock.monotonic()
            try:
                await self._queue.publish(row.message)
            except MessageRefused as error:
                sent.refused[row.lane] = error
                return
            except MessagingError as error:
                sent.failure = error
                return
            self._note([row], began, sent)

    def _note(self, rows: Sequence[LeasedRow], began: float, sent: Sent) -> None:
        PUBLISHED.reached()
        seqs = [row.seq for row in rows]
        sent.stored.update(seqs)
        self._noted(seqs)
        if self._hooks.wants(MessagePublished):
            seconds = self._clock.monotonic() - began
            for row in rows:
                self._hooks.emit(MessagePublished(type=row.message.type, seconds=seconds))


def _lanes(rows: Sequence[LeasedRow]) -> list[list[LeasedRow]]:
    chains: dict[str, list[LeasedRow]] = {}
    for row in rows:
        chains.setdefault(row.lane, []).append(row)
    return list(chains.values())
