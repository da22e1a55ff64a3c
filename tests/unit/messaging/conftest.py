from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.core import Hooks
from atoll.storage import Database


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """The database of a service, with the toolkit's own tables and one table of its own."""
    database = await Database.open(f"sqlite:///{tmp_path}/service.db")
    async with database.transaction():
        await database.execute("CREATE TABLE effects (number INTEGER NOT NULL)")
    yield database
    await database.close()
