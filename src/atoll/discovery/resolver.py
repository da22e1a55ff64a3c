"""Where a service is, at the cost of a dictionary look-up: watched answers kept at hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from atoll.discovery.errors import NoAnswerYet, RegistryClosed
from atoll.discovery.port import Instance, ServiceRegistry

FIRST_ANSWER_SECONDS: Final = 5.0

_logger = logging.getLogger(__name__)


class Resolver:
    """Watches each service it was asked for, and answers from what it saw last.

    An answer stands until the next one comes, also while the registry is unreachable. The registry is not closed
    with it.
    """

    def __init__(self, registry: ServiceRegistry, *, first_answer: float = FIRST_ANSWER_SECONDS) -> None:
        self._registry = registry
        self._patience = first_answer
        self._answers: dict[str, Sequence[Instance]] = {}
        self._first: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def instances(self, service: str) -> Sequence[Instance]:
        """Return the passing instances, in a stable order; an empty answer is an answer.

        The first call for a service waits for the registry's first answer, and raises NoAnswerYet when there is
        none for too long; later ones return at once. Cancellable.
        """
        answer = self._answers.get(service)
        return await self._wait(service) if answer is None else answer

    async def close(self) -> None:
        """Stop watching. Idempotent."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _wait(self, service: str) -> Sequence[Instance]:
        if self._closed:
            raise RegistryClosed
        if service not in self._tasks:
            self._first[service] = asyncio.Event()
            self._tasks[service] = asyncio.create_task(self._follow(service))
        first = asyncio.create_task(self._first[service].wait())
        try:
            ends = {first, self._tasks[service]}
            await asyncio.wait(ends, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            first.cancel()
        if service not in self._answers:
            raise NoAnswerYet(service)
        return self._answers[service]

    async def _follow(self, service: str) -> None:
        try:
            async for instances in self._registry.watch(service):
                self._answers[service] = instances
                self._first[service].set()
        except Exception:
            _logger.exception("%s is no longer watched; the next call for it watches it again", service)
        self._answers.pop(service, None)
        self._tasks.pop(service, None)
