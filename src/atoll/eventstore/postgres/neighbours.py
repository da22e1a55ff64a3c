"""Word between processes that events were committed: a hint, sent after the commit so that no commit waits for it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from atoll.core.ids import new_id
from atoll.eventstore.postgres.pinned import Pinned
from atoll.eventstore.signal import Signal
from atoll.storage import StorageError

if TYPE_CHECKING:
    from asyncpg import Connection

CHANNEL: Final = "atoll_events"
REST_SECONDS: Final = 0.01
"""Least time between two words of one process."""

_logger = logging.getLogger(__name__)


class Neighbours:
    """The other processes with the same log. What they tell rings `changed`."""

    def __init__(self, dsn: str, changed: Signal) -> None:
        self.connection = Pinned(dsn, self._listen)
        self._changed = changed
        self._name = new_id()
        self._news = False
        self._telling: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Let the others know, soon."""
        self._news = True
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def close(self) -> None:
        """Say what there is to say, and no more. Idempotent."""
        while self._telling is not None:
            await asyncio.wait((self._telling,))
        await self.connection.close()

    async def _tell(self) -> None:
        try:
            while self._news:
                self._news = False
                await self.connection.fetch("SELECT pg_notify($1, $2)", CHANNEL, self._name)
                await asyncio.sleep(REST_SECONDS)
        except StorageError as error:
            _logger.info("other processes were not told of new events and will find them by looking: %s", error)
        finally:
            self._telling = None

    async def _listen(self, connection: Connection[Any]) -> None:
        await connection.add_listener(CHANNEL, self._heard)

    def _heard(self, connection: object, pid: int, channel: str, name: object) -> None:
        if name != self._name:
            self._changed.set()
