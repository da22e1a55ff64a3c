"""Messages a second through the outbox relay, and how long after its commit a message is published.

    python bench/relay.py [--json] [--rounds 3] [--messages 5000] [--rate 300] [--seconds 4] [--directory PATH]

SQLite and NATS JetStream, both durable: `synchronous=FULL` and `sync_interval: always`, each commit and each confirmed
publication on the disk. The peer is a relay written by hand on sqlite3 and nats-py (`peers/relay_loop.py`), in the same
process and on the same server; rounds alternate, and the median of the rounds is told.

- throughput: an outbox of so many messages with 100 keys is published; messages a second to the last confirmation
- commit to publish: messages are committed one by one at a steady rate; the time from the end of the commit to the
  broker's confirmation
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, Protocol

import uvloop
from peers.relay_loop import HandmadeRelay
from report import Case, Report, compare, describe_machine, show

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock, new_id
from atoll.messaging import Relay
from atoll.messaging.nats import NatsMessageQueue, NatsServer
from atoll.storage import Database

KEYS: Final = 100
DATA: Final = b'{"order_id":"0190b5c2","sku":"KETTLE","count":2,"note":"' + b"x" * 120 + b'"}'
TRACE: Final = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
PEER: Final = "by hand"
DEADLINE: Final = 120.0


class Contestant(Protocol):
    """A relay with its outbox; `published` has the time of each confirmation by message id."""

    published: dict[str, float]

    async def commit(self, ids: Sequence[str]) -> None: ...
    def start(self) -> None: ...
    async def pause(self) -> None: ...


class TimedQueue(NatsMessageQueue):
    """Notes when each message was confirmed."""

    published: dict[str, float]

    async def publish(self, message: Message) -> None:
        await super().publish(message)
        self.published[message.id] = time.perf_counter()

    async def publish_together(self, messages: Sequence[Message]) -> None:
        await super().publish_together(messages)
        self.published.update(dict.fromkeys((each.id for each in messages), time.perf_counter()))


class OnAtoll:
    """The toolkit's own relay."""

    def __init__(self, db: Database, queue: TimedQueue) -> None:
        self.published = queue.published = {}
        self._db = db
        self._queue = queue
        self._relay: Relay | None = None

    async def commit(self, ids: Sequence[str]) -> None:
        async with self._db.transaction():
            for place, each in enumerate(ids):
                self._db.outbox.add(_message(each, place))

    def start(self) -> None:
        self._relay = Relay(self._db, self._queue, owner="bench", hooks=Hooks(), clock=SystemClock())
        self._relay.start()

    async def pause(self) -> None:
        if self._relay is not None:
            await self._relay.stop()


class ByHand:
    """The peer."""

    def __init__(self, relay: HandmadeRelay) -> None:
        self.published = relay.published
        self.start, self.pause = relay.start, relay.pause
        self._relay = relay

    async def commit(self, ids: Sequence[str]) -> None:
        await self._relay.add([(each, f"order {place % KEYS}", DATA, TRACE) for place, each in enumerate(ids)])


def _message(message_id: str, place: int) -> Message:
    return Message(
        id=message_id,
        type="shop.bench.Happened.v1",
        source="bench",
        time=time.time(),
        key=f"order {place % KEYS}",
        data=DATA,
        traceparent=TRACE,
    )


async def throughput(side: Contestant, messages: int) -> float:
    """Return messages a second."""
    ids = [new_id() for _ in range(messages)]
    for start in range(0, messages, 1000):
        await side.commit(ids[start : start + 1000])
    began = time.perf_counter()
    side.start()
    await _all_published(side, ids)
    rate = messages / (max(side.published[each] for each in ids) - began)
    await side.pause()
    return rate


async def latencies(side: Contestant, rate: float, seconds: float) -> list[float]:
    """Return the milliseconds from commit to confirmation of each message."""
    side.start()
    committed: dict[str, float] = {}

    async def one() -> None:
        message_id = new_id()
        await side.commit([message_id])
        committed[message_id] = time.perf_counter()

    began, tasks = time.perf_counter(), list[asyncio.Task[None]]()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    await _all_published(side, list(committed))
    await side.pause()
    return [(side.published[each] - at) * 1000 for each, at in committed.items()]


async def _all_published(side: Contestant, ids: Sequence[str]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not all(each in side.published for each in reversed(ids)):  # noqa: ASYNC110 - the peer tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def both(directory: Path) -> AsyncGenerator[dict[str, Contestant]]:
    """Open both sides on one server."""
    server = NatsServer(directory / "nats")
    await server.start()
    db = await Database.open(f"sqlite:///{directory}/atoll.db")
    queue = TimedQueue(server.url, namespace="atoll")
    await queue._link.open()
    peer = HandmadeRelay(directory / "byhand.db", server.url)
    await peer.open()
    try:
        yield {"atoll": OnAtoll(db, queue), PEER: ByHand(peer)}
    finally:
        await peer.close()
        await queue.close()
        await db.close()
        await server.stop()


async def _bench(chosen: argparse.Namespace, directory: Path) -> list[Case]:
    rates: dict[str, list[float]] = {"atoll": [], PEER: []}
    delays: dict[str, list[list[float]]] = {"atoll": [], PEER: []}
    async with both(directory) as sides:
        for number in range(chosen.rounds):
            for name in sorted(sides, reverse=bool(number % 2)):
                rates[name].append(await throughput(sides[name], chosen.messages))
                delays[name].append(await latencies(sides[name], chosen.rate, chosen.seconds))
                sys.stderr.write(f"round {number + 1} of {chosen.rounds}, {name}: {rates[name][-1]:.0f} messages/s\n")
    return [
        _case("throughput", "messages/s", {name: median(each) for name, each in rates.items()}, more_is_better=True),
        *(
            _case(f"commit to publish {label}, {chosen.rate:g}/s", "ms", _middle(delays, place), more_is_better=False)
            for label, place in (("p50", lambda each: quantiles(each, n=100)[49]), ("p99", _p99))
        ),
    ]


def _p99(delays: list[float]) -> float:
    return quantiles(delays, n=100)[98]


def _middle(delays: dict[str, list[list[float]]], place: Callable[[list[float]], float]) -> dict[str, float]:
    return {name: median(map(place, rounds)) for name, rounds in delays.items()}


def _case(case: str, unit: str, values: dict[str, float], **options: Any) -> Case:
    return compare(case, unit, values["atoll"], {PEER: values[PEER]}, **options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/relay.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    parser.add_argument("--messages", type=int, default=5000, help="messages in the outbox of a throughput round")
    parser.add_argument("--rate", type=float, default=300.0, help="commits a second while delays are measured")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long delays are measured in a round")
    parser.add_argument("--directory", type=Path, help="where both keep their state (in memory, fsync costs nothing)")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark."""
    chosen = _arguments()
    directory = Path(tempfile.mkdtemp(prefix="atoll-bench-", dir=chosen.directory))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            cases = runner.run(_bench(chosen, directory))
    finally:
        shutil.rmtree(directory)
    show(Report(bench="relay", machine=describe_machine(), cases=cases), as_json=chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
