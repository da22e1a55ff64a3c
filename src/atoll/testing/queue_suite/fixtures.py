"""What every test of the suite runs on: connections to one broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar

import pytest

from atoll.messaging import MessageQueue

Connect = Callable[[], Awaitable[MessageQueue]]


class QueueFixtures:
    """The broker under test; `connect` is the adapter's."""

    ALL: ClassVar[frozenset[str]] = frozenset({"history", "order", "delay", "hold", "versions"})
    FEATURES: ClassVar[frozenset[str]] = ALL
    HOLD: ClassVar[float] = 1.0

    @pytest.fixture
    def connect(self) -> Connect:
        """Override: return a function that connects to the test's broker."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    async def opened(self, connect: Connect) -> AsyncIterator[Connect]:
        """Connect, and close at the end of the test."""
        queues: list[MessageQueue] = []

        async def opened() -> MessageQueue:
            queues.append(await connect())
            return queues[-1]

        yield opened
        for queue in queues:
            await queue.close()

    @pytest.fixture
    async def queue(self, opened: Connect) -> MessageQueue:
        """One connection."""
        return await opened()

    def needs(self, feature: str) -> None:
        """Skip the test, naming `feature`, when the adapter does not declare it."""
        if feature not in self.FEATURES:
            pytest.skip(f"{type(self).__name__} does not declare {feature!r}")
