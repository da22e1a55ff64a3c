"""Every engine of the storage package passes the published suite."""

from pathlib import Path

import pytest

from atoll.core.hooks import Hooks
from atoll.storage import Database
from atoll.testing.database_suite import Connect, DatabaseSuite


class TestSqlite(DatabaseSuite):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        async def connect(hooks: Hooks | None = None) -> Database:
            return await Database.open(f"sqlite:///{tmp_path}/things.db", hooks=hooks)

        return connect


class TestPostgres(DatabaseSuite):
    @pytest.fixture
    def connect(self, postgres_schema: str) -> Connect:
        async def connect(hooks: Hooks | None = None) -> Database:
            return await Database.open(postgres_schema, hooks=hooks)

        return connect
