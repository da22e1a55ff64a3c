from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.saga.lives import Lives


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Lives]:
    """Lives on a SQLite database."""
    lives = Lives(f"sqlite:///{tmp_path}/shop.db")
    yield lives
    await lives.end()
