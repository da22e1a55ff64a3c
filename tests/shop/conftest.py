"""The whole shop, run once for all tests that reach it through its gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientTimeout

from atoll.system import RunningSystem, running
from shop.system import shop
from tests.shop.shopper import ADMIN_PASSWORD, Shopper

ENVIRON = {"SHOP_ADMIN_PASSWORD": ADMIN_PASSWORD, "SHOP_CART_IDLE_SECONDS": "1"}


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="system")
async def _system(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[RunningSystem]:
    async with running(shop, directory=tmp_path_factory.mktemp("shop"), environ=ENVIRON) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="session", name="visitor")
async def _visitor(system: RunningSystem) -> AsyncGenerator[Shopper]:
    """Somebody at the gateway who has not signed in."""
    async with ClientSession(system.gateway_url, timeout=ClientTimeout(total=40)) as session:
        yield Shopper(session)


@pytest_asyncio.fixture(loop_scope="session", name="ann")
async def _ann(visitor: Shopper) -> Shopper:
    """A customer who has just signed in."""
    return await visitor.customer()


@pytest_asyncio.fixture(loop_scope="session", name="admin")
async def _admin(visitor: Shopper) -> Shopper:
    """The administrator."""
    return await visitor.signed_in("admin@shop.example", ADMIN_PASSWORD)
