"""The conformance suite of the MessageQueue port.

An adapter shows that it is one by passing it, under pytest with pytest-asyncio in its auto mode::

    class TestMyQueue(MessageQueueSuite):
        FEATURES = MessageQueueSuite.ALL - {"delay"}

        @pytest.fixture
        def connect(self) -> Connect:
            async def connect() -> MessageQueue: ...
            return connect

`connect` makes a fresh connection to one broker that was empty when the test began; the suite closes what it
opened. The broker must take a delivery back after `HOLD` seconds without a sign of life. A test of a feature
that is not declared is skipped by the feature's name. `versions`: members of one group may know different types.
"""

from __future__ import annotations

from atoll.testing.queue_suite.delivering import DeliverySuite
from atoll.testing.queue_suite.fixtures import Connect
from atoll.testing.queue_suite.handlers import (
    DEADLINE,
    ENDED,
    HAPPENED,
    Collector,
    leave,
    message,
    pause,
    publish,
    settle_what_happened,
)
from atoll.testing.queue_suite.ordering import OrderSuite
from atoll.testing.queue_suite.settling import SettlingSuite
from atoll.testing.queue_suite.versions import VersionSuite

__all__ = [
    "DEADLINE",
    "ENDED",
    "HAPPENED",
    "Collector",
    "Connect",
    "MessageQueueSuite",
    "leave",
    "message",
    "pause",
    "publish",
    "settle_what_happened",
]


class MessageQueueSuite(DeliverySuite, OrderSuite, SettlingSuite, VersionSuite):
    """What every adapter of `MessageQueue` must do. See the module for how to use it."""
