"""The conformance suite of the event store: what an event log must make true of `EventStore`.

An adapter shows that it is one by passing it, under pytest with pytest-asyncio in its auto mode::

    class TestMyEventLog(EventStoreSuite):
        FEATURES = EventStoreSuite.ALL - {"unit of work"}

        @pytest.fixture
        def connect(self) -> Connect:
            async def connect() -> EventStore: ...
            return connect

`connect` opens one store, empty when the test began, each time as another replica of a service would; the suite closes
what it opened. An adapter with the feature "unit of work" overrides `connect_within` too, which opens the database and
the store over it. A test of a feature that is not declared is skipped by the feature's name.
"""

from __future__ import annotations

from atoll.testing.event_store_suite.appending import AppendingSuite
from atoll.testing.event_store_suite.conditions import ConditionSuite
from atoll.testing.event_store_suite.feed import FeedSuite
from atoll.testing.event_store_suite.fixtures import Connect, ConnectWithin
from atoll.testing.event_store_suite.refusals import RefusalSuite
from atoll.testing.event_store_suite.repetition import RepetitionSuite
from atoll.testing.event_store_suite.streams import StreamSuite
from atoll.testing.event_store_suite.units import UnitOfWorkSuite

__all__ = ["Connect", "ConnectWithin", "EventStoreSuite"]


class EventStoreSuite(
    AppendingSuite,
    RepetitionSuite,
    ConditionSuite,
    FeedSuite,
    StreamSuite,
    RefusalSuite,
    UnitOfWorkSuite,
):
    """What every adapter of the event log must make true. See the module for how to use it."""
