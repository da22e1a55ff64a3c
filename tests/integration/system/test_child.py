"""A child says why it ends, and ends as one that cannot start, when a service in it cannot go on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atoll.messaging import BrokerUnavailable, BrokerUnusable
from atoll.system import child
from atoll.system.wire import Failed, Ready, decode_report


class Host:
    """A service that runs until it is given an `error`."""

    address = "127.0.0.1:1"

    def __init__(self) -> None:
        self.error: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self.stopped = False

    async def failed(self) -> Exception:
        return await asyncio.shield(self.error)

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
async def channel() -> AsyncIterator[tuple[socket.socket, asyncio.StreamReader]]:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    yield theirs, reader
    asyncio.get_running_loop().remove_reader(theirs)
    theirs.close()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("error", "code"), [(BrokerUnusable("it is lossy"), child.CANNOT_START), (BrokerUnavailable("it is lossy"), 1)]
)
async def test_a_service_that_cannot_go_on_stops_all_and_is_reported(channel: Any, error: Exception, code: int) -> None:
    theirs, reader = channel
    hosts: dict[str, Any] = {"order": Host(), "user": Host()}

    async def start() -> Any:
        return hosts

    living = asyncio.create_task(child._live(start, "order/0", theirs))
    assert isinstance(decode_report(await reader.readline()), Ready)
    hosts["user"].error.set_result(error)
    assert await living == code
    assert all(each.stopped for each in hosts.values())
    told = decode_report(await reader.readline())
    assert told == Failed(key="order/0", message="it is lossy", final=code == child.CANNOT_START)


async def test_a_mistake_in_the_code_of_a_service_is_told_in_one_line(channel: Any) -> None:
    theirs, reader = channel

    async def start() -> Any:
        raise ValueError("no such thing:\n- this\n  or that")

    assert await child._live(start, "order/0", theirs) == 1
    told = decode_report(await reader.readline())
    assert told == Failed(key="order/0", message="ValueError: no such thing: - this or that", final=False)
