"""The pairs of engines that a module of crash tests runs on: its DATABASE with each broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.crash.nursery import nursery
from tests.crash.rig import Rig, rigs

pytest.register_assert_rewrite("tests.crash.deaths")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pairs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: str
) -> AsyncIterator[list[Rig]]:
    asked: Any = request
    folder = tmp_path_factory.mktemp("crash")
    async with nursery() as warm, rigs(asked.module.DATABASE, folder, warm, postgres_server) as made:
        yield made
