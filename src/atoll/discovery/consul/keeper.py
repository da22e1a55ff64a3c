"""Registers again what the registry has lost.

An instance that was suspended for a minute is taken out though it lives on, and an agent that starts anew knows
nobody; without this such an instance would run on unseen for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from atoll.core.clock import Clock
from atoll.discovery.consul.client import ConsulClient
from atoll.discovery.errors import RegistryError
from atoll.discovery.port import Instance

KEEP_SECONDS: Final = 10.0

_logger = logging.getLogger(__name__)


class Keeper:
    """Asks every ten seconds or so whether each kept instance is still registered, and registers it if not.

    It comes back as critical, for nobody knows how it fares; its check tells soon enough.
    """

    def __init__(self, client: ConsulClient, *, clock: Clock, random: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._random = random
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def keep(self, instance: Instance) -> None:
        """Look after `instance` from now on, in the place of one with its id."""
        await self.drop(instance.id)
        self._tasks[instance.id] = asyncio.create_task(self._keep(instance))

    async def drop(self, instance_id: str) -> None:
        """Look after an instance no longer; when this returns nothing more is sent for it."""
        if task := self._tasks.pop(instance_id, None):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """Drop every instance. Idempotent."""
        for instance_id in list(self._tasks):
            await self.drop(instance_id)

    async def _keep(self, instance: Instance) -> None:
        while True:
            await self._clock.sleep(KEEP_SECONDS * (0.75 + self._random() / 2))
            try:
                await self._restore(instance)
            except RegistryError as error:
                _logger.debug("%s may not be registered: %s", instance.id, error)

    async def _restore(self, instance: Instance) -> None:
        if not await self._client.is_registered(instance.id):
            await self._client.register(instance, ready=False)
            _logger.warning("registered %s again, which the registry had lost", instance.id)
