"""The conformance suite of the storage package: what a database engine must make true of `Database`.

An engine shows that it is one by passing it, under pytest with pytest-asyncio in its auto mode::

    class TestMyEngine(DatabaseSuite):
        @pytest.fixture
        def connect(self) -> Connect:
            async def connect(hooks: Hooks | None = None) -> Database: ...
            return connect

`connect` opens one database, empty when the test began, each time as another replica of a service would; the suite
closes what it opened.
"""

from __future__ import annotations

from atoll.testing.database_suite.cancellation import CancellationSuite
from atoll.testing.database_suite.concurrency import ConcurrencySuite
from atoll.testing.database_suite.duplicates import DuplicateSuite
from atoll.testing.database_suite.fixtures import Connect
from atoll.testing.database_suite.inbox import InboxSuite
from atoll.testing.database_suite.outbox import OutboxSuite
from atoll.testing.database_suite.replies import ReplySuite
from atoll.testing.database_suite.rows import RowSuite
from atoll.testing.database_suite.tables import made
from atoll.testing.database_suite.units import UnitOfWorkSuite

__all__ = ["Connect", "DatabaseSuite", "made"]


class DatabaseSuite(
    RowSuite,
    UnitOfWorkSuite,
    ConcurrencySuite,
    CancellationSuite,
    DuplicateSuite,
    OutboxSuite,
    InboxSuite,
    ReplySuite,
):
    """What every engine must do. See the module for how to use it."""
