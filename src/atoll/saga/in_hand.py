"""The sagas that this process works on: a task and a lease of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from atoll.saga.rows import Lease, SagaRow

Work = Callable[[SagaRow, Lease], Coroutine[Any, Any, SagaRow | None]]
Task = asyncio.Task[SagaRow | None]


class InHand:
    """Runs `work(row, lease)` for each saga that is taken up; it returns the saga if it has ended, and never raises."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._tasks: set[Task] = set()
        self._by_id: dict[str, Task] = {}
        self._leases: dict[str, Lease] = {}
        self._expecting: dict[str, list[asyncio.Future[None]]] = {}
        self._stopped = False

    @property
    def leases(self) -> Mapping[str, Lease]:
        """The leases of the sagas in hand, by saga id."""
        return self._leases

    def task(self, saga_id: str) -> Task | None:
        """Return the task of a saga that is in hand."""
        return self._by_id.get(saga_id)

    def take_up(self, row: SagaRow) -> None:
        """Work on a saga that this process holds, unless it does so already or has stopped.

        One that was claimed anew while an earlier claim is still in hand is worked on under the new one at once: what
        the earlier one's task wanted to write is written, as when it has just parked the saga, or never will be.
        """
        held = self._leases.get(row.id)
        if self._stopped or (held is not None and held.epoch >= row.epoch):
            return
        lease = Lease(row.id, row.epoch, row.lease_until)
        task = asyncio.create_task(self._work(row, lease), name=f"saga-{row.name}-{row.id}")
        self._leases[row.id] = lease
        self._by_id[row.id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda task: self.lay_down(row.id, task))
        for each in self._expecting.get(row.id, ()):
            if not each.done():
                each.set_result(None)

    def lay_down(self, saga_id: str, task: Task) -> None:
        """Forget a task that is done; it does so by itself, if later than who waits for it. Idempotent."""
        self._tasks.discard(task)
        if self._by_id.get(saga_id) is task:
            del self._by_id[saga_id]
            del self._leases[saga_id]

    async def taken_up(self, saga_id: str, seconds: float) -> bool:
        """Return True as soon as the saga is taken up, or False after `seconds`."""
        if saga_id in self._by_id:
            return True
        expected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        others = self._expecting.setdefault(saga_id, [])
        others.append(expected)
        try:
            done, _ = await asyncio.wait({expected}, timeout=seconds)
            return bool(done)
        finally:
            others.remove(expected)
            if not others:
                del self._expecting[saga_id]

    async def stop(self) -> None:
        """Break off what runs, and take nothing up any more."""
        self._stopped = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
