"""The broker in memory, kept by the test: it outlives the processes that die, as a broker does.

They reach it over a socket, one JSON line a frame.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from atoll.contracts import Message
from atoll.messaging import BrokerUnavailable, Delivery, Handler, MemoryBroker, MemoryMessageQueue, Subscription


class Publish(msgspec.Struct, frozen=True, tag=True):
    number: int
    message: Message


class Subscribe(msgspec.Struct, frozen=True, tag=True):
    number: int
    group: str
    types: tuple[str, ...]
    prefetch: int


class Settle(msgspec.Struct, frozen=True, tag=True):
    """`after` is None for a message that is done with."""

    number: int
    delivery: int
    after: float | None


class Extend(msgspec.Struct, frozen=True, tag=True):
    number: int
    delivery: int


class Done(msgspec.Struct, frozen=True, tag=True):
    """The frame of that number has been seen to."""

    number: int


class Deliver(msgspec.Struct, frozen=True, tag=True):
    delivery: int
    attempt: int
    message: Message


Frame = Publish | Subscribe | Settle | Extend | Done | Deliver
_frames: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


@asynccontextmanager
async def served(path: Path) -> AsyncGenerator[MemoryBroker]:
    """Serve a broker at the socket `path`."""
    broker, guests = MemoryBroker(), set[asyncio.Task[None]]()

    def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guests.add(asyncio.create_task(_Guest(broker, reader, writer).serve()))

    async with await asyncio.start_unix_server(greet, path):
        yield broker
    await asyncio.gather(*guests)


class _Guest:
    """The broker's side of one connection."""

    def __init__(self, broker: MemoryBroker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._queue = MemoryMessageQueue(broker)
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count()
        self._in_hand: dict[int, tuple[Delivery, asyncio.Event]] = {}

    async def serve(self) -> None:
        try:
            async for line in self._reader:
                await self._obey(_frames.decode(line))
        except ConnectionError:
            pass
        leaving = asyncio.create_task(self._queue.close())
        await asyncio.sleep(0)  # it has left its group now, so that nothing is handed to it once more
        for number in sorted(self._in_hand):
            await self._settle(number, 0.0)
        await leaving
        self._writer.close()

    async def _obey(self, frame: Frame) -> None:
        match frame:
            case Done() | Deliver():
                return
            case Publish():
                await self._queue.publish(frame.message)
            case Subscribe():
                await self._queue.subscribe(frame.group, frame.types, self._hand_over, prefetch=frame.prefetch)
            case Settle():
                await self._settle(frame.delivery, frame.after)
            case Extend():
                if (held := self._in_hand.get(frame.delivery)) is not None:
                    await held[0].extend()
        self._send(Done(frame.number))

    async def _hand_over(self, delivery: Delivery) -> None:
        number, settled = next(self._numbers), asyncio.Event()
        self._in_hand[number] = delivery, settled
        self._send(Deliver(number, delivery.attempt, delivery.message))
        await settled.wait()

    async def _settle(self, number: int, after: float | None) -> None:
        if (held := self._in_hand.pop(number, None)) is not None:
            delivery, settled = held
            await (delivery.ack() if after is None else delivery.retry(after))
            settled.set()

    def _send(self, frame: Frame) -> None:
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(frame) + b"\n")


class SocketQueue:
    """A process's side of a connection; see `MessageQueue`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._handler: Handler | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def connect(cls, path: Path) -> SocketQueue:
        return cls(*await asyncio.open_unix_connection(path))

    async def publish(self, message: Message) -> None:
        await self.ask(Publish(self.next_number(), message))

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        self._handler = handler
        await self.ask(Subscribe(self.next_number(), group, tuple(types), prefetch))
        return _Subscription()

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()

    def next_number(self) -> int:
        return next(self._numbers)

    async def ask(self, frame: Publish | Subscribe | Settle | Extend) -> None:
        self._waiting[frame.number] = seen = asyncio.get_running_loop().create_future()
        self._writer.write(msgspec.json.encode(frame) + b"\n")
        await seen

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for line in reader:
            frame = _frames.decode(line)
            if isinstance(frame, Done):
                self._waiting.pop(frame.number).set_result(None)
            elif isinstance(frame, Deliver) and self._handler is not None:
                self._begin(self._handler, _SocketDelivery(self, frame))
        for future in self._waiting.values():
            future.set_exception(BrokerUnavailable("the test's broker is gone"))

    def _begin(self, handler: Handler, delivery: Delivery) -> None:
        async def handle() -> None:
            await handler(delivery)

        task = asyncio.create_task(handle())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Subscription:
    async def stop(self) -> None:
        """The connection ends it."""


class _SocketDelivery:
    def __init__(self, queue: SocketQueue, frame: Deliver) -> None:
        self._queue, self._frame = queue, frame
        self.message, self.attempt = frame.message, frame.attempt

    async def ack(self) -> None:
        await self._queue.ask(Settle(self._queue.next_number(), self._frame.delivery, None))

    async def retry(self, after: float) -> None:
        await self._queue.ask(Settle(self._queue.next_number(), self._frame.delivery, after))

    async def extend(self) -> None:
        await self._queue.ask(Extend(self._queue.next_number(), self._frame.delivery))
