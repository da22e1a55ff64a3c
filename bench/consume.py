"""Messages per second through inbox and handler, beside the same by hand on nats-py and on FastStream.

    python bench/consume.py [--json] [--rounds 3] [--messages 5000] [--directory /dev/shm]

One nats-server holds the messages; each contestant empties a consumer of its own over them, in turns, and the median of
the rounds is told. All decode the CloudEvents headers with the same function and the data with msgspec, take up to 256
messages at a time and acknowledge each one. The messages carry a trace, as those of services do.

- nothing written: the handler counts. Atoll gives it a unit of work, order per key, a context, retries and dead
  letters; it opens no transaction, so there is nothing for the inbox to protect
- a row written: the handler inserts a row into SQLite. Atoll notes the message in the inbox with it; by hand the row
  is a commit of its own and a repeated message writes it twice. Every commit is durable, both times
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import nats
import uvloop
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from report import Case, Report, compare, describe_machine, show

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock, new_id
from atoll.core.context import new_context
from atoll.messaging import Consumer
from atoll.messaging.nats import NatsMessageQueue, NatsServer
from atoll.messaging.nats.wire import decode, encode
from atoll.storage import Database

STREAM: Final = "bench"
KIND: Final = "bench.orders.Placed.v1"
SUBJECT: Final = f"{STREAM}.{KIND}"
BATCH: Final = 256
KEYS: Final = 1000
DEADLINE: Final = 300.0

Write = Callable[["Placed"], Awaitable[None]]


class Placed(msgspec.Struct):
    """What a message says."""

    order_id: str
    total: int


class Tally:
    """Counts what was handled, and knows when that is all."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted
        self.done = asyncio.Event()

    def count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.done.set()

    async def seconds(self, began: float) -> float:
        """Wait for the end; return how long it took since `began`."""
        async with asyncio.timeout(DEADLINE):
            await self.done.wait()
        return time.perf_counter() - began


async def on_atoll(url: str, path: Path, messages: int, *, write: bool) -> float:
    """Empty a group of Atoll's."""
    tally = Tally(messages)
    db = await Database.open(f"sqlite:///{path}")
    await db.engine.script("CREATE TABLE IF NOT EXISTS orders (id TEXT NOT NULL, total BIGINT NOT NULL)")

    async def handle(message: Message) -> None:
        placed = msgspec.json.decode(message.data, type=Placed)
        if write:
            await db.execute("INSERT INTO orders VALUES ($1, $2)", placed.order_id, placed.total)
        tally.count()

    queue = await NatsMessageQueue.connect(url, namespace=STREAM)
    consumer = Consumer(db, queue, f"atoll-{new_id()}", {KIND: handle}, hooks=Hooks(), clock=SystemClock())
    began = time.perf_counter()
    await consumer.start()
    seconds = await tally.seconds(began)
    await consumer.stop()
    await queue.close()
    await db.close()
    return seconds


async def by_hand(url: str, path: Path, messages: int, *, write: bool) -> float:
    """Empty a pull consumer with nats-py alone."""
    tally = Tally(messages)
    connection = _database(path)
    client = await nats.connect(url)
    subscription = await client.jetstream().pull_subscribe(SUBJECT, durable=f"raw-{new_id()}", stream=STREAM)
    began = time.perf_counter()
    while not tally.done.is_set():
        for msg in await subscription.fetch(BATCH):
            placed = msgspec.json.decode(decode(msg).data, type=Placed)
            if write:
                await asyncio.to_thread(_insert, connection, placed)
            await msg.ack()
            tally.count()
    seconds = await tally.seconds(began)
    await client.drain()
    connection.close()
    return seconds


async def on_faststream(url: str, path: Path, messages: int, *, write: bool) -> float:
    """Empty a pull subscriber of FastStream's, which acknowledges once the handler has returned."""
    tally = Tally(messages)
    connection = _database(path)
    broker = NatsBroker(url, logger=None)

    async def decoded(message: NatsMessage) -> Any:
        return msgspec.json.decode(decode(message.raw_message).data, type=Placed)

    @broker.subscriber(
        SUBJECT,
        durable=f"faststream-{new_id()}",
        stream=JStream(STREAM, declare=False),
        pull_sub=PullSub(batch_size=BATCH),
        ack_policy=AckPolicy.REJECT_ON_ERROR,
        decoder=decoded,
    )
    async def handle(placed: Any) -> None:
        if write:
            await asyncio.to_thread(_insert, connection, placed)
        tally.count()

    began = time.perf_counter()
    await broker.start()
    seconds = await tally.seconds(began)
    await broker.stop()
    connection.close()
    return seconds


CONTESTANTS: Final = {"atoll": on_atoll, "nats-py": by_hand, "faststream": on_faststream}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="bench/consume.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each contestant")
    parser.add_argument(
        "--messages", type=int, default=5000, help="messages of a round; a fifth where rows are written"
    )
    parser.add_argument("--directory", type=Path, help="where to keep state (in memory, fsync costs nothing)")
    chosen = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="atoll-bench-", dir=chosen.directory))
    try:
        cases = uvloop.run(_bench(directory, rounds=chosen.rounds, messages=chosen.messages))
    finally:
        shutil.rmtree(directory)
    show(Report(bench="consume", machine=describe_machine(), cases=cases), as_json=chosen.json)
    return 0


async def _bench(directory: Path, *, rounds: int, messages: int) -> list[Case]:
    cases: list[Case] = []
    for name, write, count in (("nothing written", False, messages), ("a row written", True, messages // 5)):
        server = NatsServer(directory / name.replace(" ", "-"))
        await server.start()
        try:
            await _publish(server.url, count)
            rates = await _rounds(server.url, directory, rounds, count, write=write)
        finally:
            await server.stop()
        cases.append(compare(name, "messages/s", rates.pop("atoll"), rates, more_is_better=True))
    return cases


async def _rounds(url: str, directory: Path, rounds: int, messages: int, *, write: bool) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(rounds + 1):
        order = list(CONTESTANTS) if number % 2 else list(reversed(CONTESTANTS))
        for name in order:
            path = directory / f"{name}-{number}-{write}.db"
            seconds = await CONTESTANTS[name](url, path, messages, write=write)
            if number:  # the first is to warm up
                found[name].append(messages / seconds)
                sys.stderr.write(f"round {number} of {rounds}, {name}: {messages / seconds:,.0f} messages/s\n")
    return {name: median(each) for name, each in found.items()}


async def _publish(url: str, count: int) -> None:
    queue = await NatsMessageQueue.connect(url, namespace=STREAM)  # makes the stream
    client = await nats.connect(url)
    for number in range(count):
        data = msgspec.json.encode(Placed(order_id=f"order-{number}", total=number))
        sent = Message(
            id=new_id(),
            type=KIND,
            source="bench",
            time=time.time(),
            key=f"k{number % KEYS}",
            data=data,
            traceparent=new_context().trace.traceparent,
            request_id=new_id(),
        )
        await client.publish(SUBJECT, data, headers=encode(sent))
    await client.flush()
    async with asyncio.timeout(DEADLINE):
        while (await client.jetstream().stream_info(STREAM)).state.messages < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await client.close()
    await queue.close()


def _database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT NOT NULL, total BIGINT NOT NULL)")
    return connection


def _insert(connection: sqlite3.Connection, placed: Placed) -> None:
    connection.execute("INSERT INTO orders VALUES (?, ?)", (placed.order_id, placed.total))


if __name__ == "__main__":
    sys.exit(main())
