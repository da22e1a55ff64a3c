from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> str:
    """The URL of tables of the test's own, on each engine."""
    return f"sqlite:///{tmp_path}/shop.db" if request.param == "sqlite" else postgres_schema
