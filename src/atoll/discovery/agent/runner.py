"""Runs the probes of every check that has one, each in its own rhythm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from atoll.core.clock import Clock
from atoll.discovery.agent.records import CheckDefinition, Outcome

JITTER: Final = 0.1
"""An interval is up to this part shorter or longer each time, so that checks do not run in step."""


class CheckRunner:
    """Keeps one task for each wanted check: it probes at once, reports, waits for the interval, and again.

    `random` returns a number from 0 up to 1.
    """

    def __init__(
        self,
        probe: Callable[[CheckDefinition], Awaitable[Outcome]],
        report: Callable[[str, Outcome], None],
        *,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._probe = probe
        self._report = report
        self._clock = clock
        self._random = random
        self._running: dict[str, tuple[CheckDefinition, asyncio.Task[None]]] = {}

    def reconcile(self, wanted: Mapping[str, CheckDefinition]) -> None:
        """Run exactly the checks in `wanted`: start what is new, restart what was registered anew, stop the rest."""
        for check_id, (definition, task) in list(self._running.items()):
            if wanted.get(check_id) is not definition:
                task.cancel()
                del self._running[check_id]
        for check_id in wanted.keys() - self._running.keys():
            definition = wanted[check_id]
            self._running[check_id] = definition, asyncio.create_task(self._run(check_id, definition))

    async def close(self) -> None:
        """Stop every probe. Idempotent."""
        tasks = [task for _, task in self._running.values()]
        self.reconcile({})
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, check_id: str, definition: CheckDefinition) -> None:
        while True:
            self._report(check_id, await self._probe(definition))
            await self._clock.sleep(definition.interval * (1 + JITTER * (2 * self._random() - 1)))
