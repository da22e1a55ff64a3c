"""Load and faults at the same time: customers come and go while a schedule of faults is done to what serves them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any, Final

from atoll.system import Load, Recorder
from atoll.torture.errors import LoadFailed
from atoll.torture.injury import Injury
from atoll.torture.report import requests_of
from atoll.torture.schedule import Fault

TAIL_SECONDS: Final = 3.0
"""The load goes on for so long after the last fault has healed, to show that it has."""
LEAVE_SECONDS: Final = 150.0
"""Customers are given so long to end what they have begun."""
TELL_SECONDS: Final = 5.0
WARM_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.02

Tell = Callable[[str], None]


class Storm:
    """One storm over a system whose gateway is at `url`. `zero` is when it began, on the monotonic clock.

    The first fault waits for `warm` facts. The load goes on for `tail` seconds after the last one; customers then have
    `leave` seconds to end.
    """

    def __init__(
        self,
        load: Load,
        url: str,
        inject: Callable[[Fault], Awaitable[Injury]],
        *,
        seed: int,
        tell: Tell,
        warm: int = 1,
        tail: float = TAIL_SECONDS,
        leave: float = LEAVE_SECONDS,
    ) -> None:
        self.recorder = Recorder()
        self.injuries: list[Injury] = []
        self.zero = 0.0
        self._load = load
        self._url = url
        self._inject = inject
        self._random = Random(f"load/{seed}")
        self._tell = tell
        self._warm = warm
        self._tail = tail
        self._patience = leave

    async def rage(self, plan: Sequence[Fault]) -> float:
        """Do the faults of `plan` under load; return how many seconds it took until the last customer had left.

        Raises LoadFailed when the customers fail, leave before they are told to, or do not leave then.
        """
        self.zero = time.monotonic()
        stop = asyncio.Event()
        customers = asyncio.create_task(self._load.customers(self._url, self._random, stop, self.recorder))
        try:
            async with self._telling(len(plan)):
                await self._while_loaded(customers, self._all(plan))
                stop.set()
                await self._leave(customers)
        finally:
            customers.cancel()
            await asyncio.gather(customers, return_exceptions=True)
        return time.monotonic() - self.zero

    async def _while_loaded(self, customers: asyncio.Task[None], work: Coroutine[Any, Any, None]) -> None:
        working = asyncio.create_task(work)
        try:
            await asyncio.wait((customers, working), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        raise LoadFailed(_why(customers, "it ended before it was told to"))

    async def _leave(self, customers: asyncio.Task[None]) -> None:
        await asyncio.wait((customers,), timeout=self._patience)
        if not customers.done():
            raise LoadFailed(f"it had not ended {self._patience:g} s after it was told to")
        if customers.exception() is not None:
            raise LoadFailed(_why(customers, "")) from customers.exception()

    async def _all(self, plan: Sequence[Fault]) -> None:
        await self._warmed_up()
        begin = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                group.create_task(self._one(fault, begin))
        await asyncio.sleep(self._tail)

    async def _warmed_up(self) -> None:
        """Wait for the first facts, because a system that does nothing yet is not hurt by anything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WARM_SECONDS):
                while len(self.recorder.acknowledged) < self._warm:  # noqa: ASYNC110 - customers note it without a word
                    await asyncio.sleep(POLL_SECONDS)

    async def _one(self, fault: Fault, begin: float) -> None:
        await asyncio.sleep(begin + fault.at - time.monotonic())
        self.injuries.append(await self._inject(fault))

    @asynccontextmanager
    async def _telling(self, faults: int) -> AsyncGenerator[None]:
        telling = asyncio.create_task(self._tell_on(faults))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell_on(self, faults: int) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self._tell(self._progress(faults))

    def _progress(self, faults: int) -> str:
        found = requests_of(self.recorder.attempts)
        return (
            f"{time.monotonic() - self.zero:4.0f} s: {len(self.injuries)} of {faults} faults, {found.ok} requests ok, "
            f"{found.refused} refused, {found.failed} failed, {len(self.recorder.acknowledged)} facts"
        )


def _why(customers: asyncio.Task[None], otherwise: str) -> str:
    error = customers.exception()
    return f"it failed with {type(error).__name__}: {error}" if error is not None else otherwise
