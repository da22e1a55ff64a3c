from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.testing.postgres import postgres_database


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database of the test's own, on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/shop.db"
    else:
        async with postgres_database(request.getfixturevalue("postgres_server")) as url:
            yield url
