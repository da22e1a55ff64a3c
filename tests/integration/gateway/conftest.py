from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.gateway.edge import Edge, running_edge


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """One gateway for all tests of a module."""
    async with running_edge(tmp_path_factory.mktemp("gateway")) as running:
        yield running
