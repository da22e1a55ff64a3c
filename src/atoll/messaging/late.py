"""A broker that comes later than the process that uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from atoll.contracts import Message
from atoll.messaging.errors import BrokerUnavailable, MessagingError
from atoll.messaging.port import (
    BatchingQueue,
    ConnectedQueue,
    Handler,
    MessageQueue,
    RecallingQueue,
    Subscription,
)
from atoll.storage.broker_position import BrokerPosition

_AWAY: Final = "the broker was not connected to yet"
_LOST: Final = "the connection to the broker is lost, and being made again"


class LateQueue:
    """See `MessageQueue`, and the other ports as far as the queue that `open_` connects is one of them.

    Until `connect` has succeeded everything else raises BrokerUnavailable, as it does when a connection is lost.
    """

    def __init__(self, open_: Callable[[], Awaitable[MessageQueue]]) -> None:
        self._open = open_
        self._away = _AWAY
        self._queue: MessageQueue | None = None
        self._batching: BatchingQueue | None = None
        self._recalling: RecallingQueue | None = None

    async def connect(self) -> None:
        """Connect, unless that has been done. Raises what `open_` raises; then it may be tried again."""
        if self._queue is not None:
            return
        try:
            queue = await self._open()
        except MessagingError as error:
            self._away = str(error)
            raise
        self._batching = queue if isinstance(queue, BatchingQueue) else None
        self._recalling = queue if isinstance(queue, RecallingQueue) else None
        self._queue = queue

    @property
    def trouble(self) -> str:
        """Why there is no connection at the moment; empty while there is one."""
        if self._queue is None:
            return self._away
        return _LOST if isinstance(self._queue, ConnectedQueue) and not self._queue.up else ""

    async def publish(self, message: Message) -> None:
        """See `MessageQueue.publish`."""
        await self._connected().publish(message)

    @property
    def batch(self) -> int:
        """See `BatchingQueue.batch`."""
        return self._batching.batch if self._batching is not None else 1

    async def publish_together(self, messages: Sequence[Message]) -> None:
        """See `BatchingQueue.publish_together`."""
        if self._batching is not None:
            return await self._batching.publish_together(messages)
        for each in messages:
            await self.publish(each)
        return None

    @property
    def connection(self) -> int:
        """See `RecallingQueue.connection`; before the first connection it is none of the numbers that follow."""
        if self._queue is None:
            return 0
        return self._recalling.connection + 1 if self._recalling is not None else 1

    async def position(self) -> BrokerPosition | None:
        """See `RecallingQueue.position`."""
        self._connected()
        return await self._recalling.position() if self._recalling is not None else None

    async def remembers(self, position: BrokerPosition) -> bool:
        """See `RecallingQueue.remembers`; a queue that cannot tell is taken to forget nothing."""
        self._connected()
        return await self._recalling.remembers(position) if self._recalling is not None else True

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        """See `MessageQueue.subscribe`. Raises BrokerUnavailable while there is no connection."""
        return await self._connected().subscribe(group, types, handler, prefetch=prefetch)

    async def close(self) -> None:
        """See `MessageQueue.close`. Not to be called while `connect` is under way."""
        if self._queue is not None:
            await self._queue.close()

    def _connected(self) -> MessageQueue:
        if self._queue is None:
            raise BrokerUnavailable(self._away)
        return self._queue
