"""Watching for a broker that has lost what it confirmed."""

from __future__ import annotations

from collections.abc import Iterable

from atoll.messaging.errors import BrokerUnavailable
from atoll.messaging.port import MessageQueue, RecallingQueue
from atoll.storage.broker_position import BrokerPosition

_NEVER = -1


class StoreWatch:
    """Compares where the broker's store stands with what was noted of it. A queue that cannot tell never forgets."""

    def __init__(self, queue: MessageQueue) -> None:
        self._queue = queue if isinstance(queue, RecallingQueue) else None
        self._seen = _NEVER

    @property
    def in_doubt(self) -> bool:
        """True from the moment of a new connection until its store has been compared."""
        return self._queue is not None and self._queue.connection != self._seen

    async def forgot(self, noted: Iterable[BrokerPosition]) -> bool:
        """Tell whether the store lacks what it had at one of these. Raises MessagingError when it does not say."""
        if self._queue is None:
            return False
        connection = self._queue.connection
        for position in sorted(noted, key=lambda each: (each.store, each.place)):
            if not await self._queue.remembers(position):
                return True
        self._seen = connection
        return False

    def settled(self) -> None:
        """Take the store as it is from now on."""
        self._seen = self._queue.connection if self._queue is not None else _NEVER

    async def position(self) -> BrokerPosition | None:
        """Return where the store stands. Raises MessagingError while that is in doubt."""
        if self._queue is None:
            return None
        position = await self._queue.position()
        if self.in_doubt:
            raise BrokerUnavailable("the connection to the broker is a new one, so its store is looked at first")
        return position
