"""Two processes of one group on the real brokers: when the active one fails the other goes on, in order."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from atoll.core import new_id
from atoll.messaging import MessageQueue, open_queue
from atoll.messaging.nats import NatsServer
from atoll.messaging.rabbitmq import topology
from atoll.testing.queue_suite import HAPPENED, message
from tests.integration.messaging.rabbitmq.broker import URL, wipe

DEADLINE = 40.0
COUNT = 150


class Member:
    """A member process, and the numbers it has told so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.numbers: list[int] = []

    async def read(self, until: int) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            while not self.numbers or self.numbers[-1] < until:
                self.numbers.append(int(await self.process.stdout.readline()))


@asynccontextmanager
async def member(url: str, namespace: str) -> AsyncIterator[Member]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.messaging.member_process",
        url,
        namespace,
        HAPPENED,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), DEADLINE) == b"ready\n"
        yield Member(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture(params=["nats", "rabbitmq"])
async def broker(
    request: pytest.FixtureRequest, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, str, MessageQueue]]:
    monkeypatch.setattr(topology, "SETTLE_SECONDS", 0.0)  # nobody crashes the server here
    namespace = f"test-{new_id()}"
    url = server.url if request.param == "nats" else f"{URL}?heartbeat=2"  # so that silence is noticed in seconds
    queue = await open_queue(url, namespace=namespace)
    yield url, namespace, queue
    await queue.close()
    if request.param == "rabbitmq":
        await wipe(namespace)


async def publish(queue: MessageQueue) -> None:
    for number in range(COUNT):
        await queue.publish(message(number, key="k"))


async def test_another_member_goes_on_in_order_when_the_active_one_stands_still_and_when_it_dies(
    broker: tuple[str, str, MessageQueue],
) -> None:
    url, namespace, queue = broker
    async with member(url, namespace) as first, member(url, namespace) as second:
        publishing = asyncio.ensure_future(publish(queue))
        await first.read(until=COUNT // 4)
        first.process.send_signal(signal.SIGSTOP)
        await second.read(until=COUNT // 2)
        first.process.send_signal(signal.SIGCONT)
        second.process.kill()
        await first.read(until=COUNT - 1)
        await publishing
    assert {*first.numbers, *second.numbers} == set(range(COUNT))
    for numbers in (first.numbers, second.numbers):
        assert numbers == sorted(set(numbers))
    assert sum(later - earlier > 1 for earlier, later in itertools.pairwise(first.numbers)) == 1
    assert second.numbers == list(range(second.numbers[0], second.numbers[-1] + 1))
