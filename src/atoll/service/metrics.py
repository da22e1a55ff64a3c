"""What a service answers at `/metrics`."""

from __future__ import annotations

import asyncio
import logging
from math import nan
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from atoll.core.clock import Clock
from atoll.core.hooks import Hooks
from atoll.messaging.records import OutboxLag
from atoll.service.http import Reply, Request
from atoll.storage import Database, StorageError
from atoll.storage.outbox_lag import outbox_lag

READ_SECONDS: Final = 2.0
"""How long the database may take to tell; a scrape that takes too long tells nothing at all."""

_logger = logging.getLogger(__name__)


class MetricsEndpoint:
    """Renders `registry`, after having measured what is read only when somebody asks."""

    def __init__(self, registry: CollectorRegistry, db: Database, *, hooks: Hooks, clock: Clock) -> None:
        self._registry = registry
        self._db = db
        self._hooks = hooks
        self._clock = clock

    async def show(self, request: Request) -> Reply:
        """Every metric in Prometheus' text format; what cannot be measured now is not a number."""
        self._hooks.emit(await self._lag())
        return Reply(body=generate_latest(self._registry), content_type=CONTENT_TYPE_LATEST)

    async def _lag(self) -> OutboxLag:
        try:
            async with asyncio.timeout(READ_SECONDS):
                lag = await outbox_lag(self._db, self._clock.now())
        except (StorageError, TimeoutError) as error:
            _logger.debug("the outbox cannot be measured: %r", error)
            return OutboxLag(messages=nan, seconds=nan)
        return OutboxLag(messages=lag.messages, seconds=lag.seconds)
