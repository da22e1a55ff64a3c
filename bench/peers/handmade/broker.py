"""Events over JetStream as nats-py offers it: publish and wait for the confirmation; pull, handle, confirm."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from peers.handmade.messages import Envelope, Event

STREAM = "handmade"
BATCH = 64
POLL_SECONDS = 30.0

Handler = Callable[[Envelope], Awaitable[None]]

_logger = logging.getLogger(__name__)


class Broker:
    """The connection of this process."""

    def __init__(self) -> None:
        self.source = ""
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None

    async def connect(self, url: str, source: str) -> None:
        self.source = source
        self._client = await nats.connect(url)
        self._stream = self._client.jetstream()
        await self._stream.add_stream(StreamConfig(name=STREAM, subjects=[f"{STREAM}.>"], storage=StorageType.FILE))

    async def publish(self, *events: Event) -> None:
        """Return when the broker has stored all of them."""
        await asyncio.gather(*(self._publish(event) for event in events))

    async def consume(self, handlers: Mapping[type[Event], Handler], *, parallel: bool) -> None:
        """Handle what arrives until cancelled: a batch side by side, or one message after the other."""
        by_subject = {subject_of(each): handler for each, handler in handlers.items()}
        pull = await self._subscribe(sorted(by_subject))
        while True:
            try:
                messages = await pull.fetch(BATCH, timeout=POLL_SECONDS)
            except TimeoutError:
                continue
            if parallel:
                await asyncio.gather(*(_handle(message, by_subject[message.subject]) for message in messages))
                continue
            for message in messages:
                await _handle(message, by_subject[message.subject])

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _publish(self, event: Event) -> None:
        if self._stream is None:
            raise RuntimeError("the broker is not connected")
        envelope = Envelope(
            id=str(uuid.uuid4()),
            type=type(event).__name__,
            source=self.source,
            time=time.time(),
            key=event.key,
            data=event.model_dump(),
        )
        await self._stream.publish(subject_of(type(event)), envelope.model_dump_json().encode())

    async def _subscribe(self, subjects: Sequence[str]) -> JetStreamContext.PullSubscription:
        if self._stream is None:
            raise RuntimeError("the broker is not connected")
        config = ConsumerConfig(durable_name=self.source, filter_subjects=list(subjects), ack_policy=AckPolicy.EXPLICIT)
        await self._stream.add_consumer(STREAM, config)
        return await self._stream.pull_subscribe_bind(self.source, STREAM)


async def _handle(message: Msg, handler: Handler) -> None:
    try:
        await handler(Envelope.model_validate_json(message.data))
    except Exception:
        _logger.exception("%s failed; the broker delivers it again", message.subject)
        await message.nak()
    else:
        await message.ack()


def subject_of(event: type[Event]) -> str:
    """Return where events of this type are published."""
    return f"{STREAM}.{event.__name__}"


broker = Broker()
