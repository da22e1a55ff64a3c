"""What a queue knows of the stream that it publishes to, so that a stream which has lost messages is noticed."""

from __future__ import annotations

from atoll.messaging.errors import BrokerUnavailable
from atoll.messaging.nats.jetstream import PubAck, Stream, ensure_stream, header_at
from atoll.messaging.nats.link import NatsLink
from atoll.messaging.nats.wire import DEDUP_HEADER
from atoll.storage.broker_position import BrokerPosition

BATCH = 500
"""The most that go together; the server takes 1000."""


class NatsStore:
    """The stream of one namespace, made when it is missing.

    `connection` changes with each connection, and when a confirmation shows that the stream began anew.
    """

    def __init__(self, link: NatsLink, namespace: str) -> None:
        self.connection = 0
        self.batch = 1
        self._link = link
        self._namespace = namespace
        self._created = ""
        self._place = 0
        self._witness = ""

    @property
    def place(self) -> int:
        """The highest sequence confirmed over this connection; what is published from now on comes after it."""
        return self._place

    @property
    def position(self) -> BrokerPosition | None:
        """See `RecallingQueue.position`."""
        if not self._place:
            return None
        return BrokerPosition(store=self._created, place=self._place, witness=self._witness)

    async def prepare(self) -> Stream:
        """Make the stream unless it is there, and begin to watch it anew."""
        stream = await ensure_stream(self._link, self._namespace)
        self.batch = BATCH if stream.config.allow_atomic else 1
        self._begin(stream.created)
        return stream

    def confirmed(self, message_id: str, ack: PubAck, *, after: int) -> None:
        """Note a confirmation of what was sent when `place` was `after`. Raises BrokerUnavailable if it went back."""
        if ack.duplicate:
            return
        if ack.seq <= after:
            self._begin(self._created)
            raise BrokerUnavailable(
                f"the stream {self._namespace!r} at {self._link.place} went from {after} back to {ack.seq}: "
                "it was made again, or put back to an older copy"
            )
        if ack.seq > self._place:
            self._place, self._witness = ack.seq, message_id

    async def remembers(self, position: BrokerPosition) -> bool:
        """See `RecallingQueue.remembers`."""
        stream = await ensure_stream(self._link, self._namespace)
        if stream.created != self._created:
            self._begin(stream.created)
        if stream.created != position.store or stream.state.last_seq < position.place:
            return False
        if position.place < stream.state.first_seq:
            return True
        found = await header_at(self._link, self._namespace, position.place, DEDUP_HEADER)
        return found in (None, position.witness)

    def _begin(self, created: str) -> None:
        self.connection += 1
        self._created, self._place, self._witness = created, 0, ""
