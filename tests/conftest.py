"""What every test runs under: known settings, reproducible examples, and no process left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
from hypothesis import HealthCheck, settings

POSTGRES_URL = os.environ.get("ATOLL_TEST_POSTGRES_URL", "")

settings.register_profile(
    "atoll",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("atoll")


@pytest.fixture(scope="session", autouse=True)
def _settings_of_our_own() -> Iterator[None]:
    """Nobody's ATOLL_* or OTEL_* variables reach a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith(("ATOLL_", "OTEL_"))]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """What a test starts can be ended by Ctrl-C, even where a shell runs the tests in the background."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Every process that a test starts is gone when the tests are."""
    before = set(psutil.Process().children(recursive=True))
    yield
    children = [each for each in psutil.Process().children(recursive=True) if each not in before]
    _, alive = psutil.wait_procs(children, timeout=5)
    if alive:
        pytest.fail(f"the tests left processes running: {', '.join(_describe(each) for each in alive)}")


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} ({' '.join(process.cmdline())[:80]})"
    except psutil.NoSuchProcess:
        return f"{process.pid} (gone by now)"


@pytest.fixture(scope="session")
def postgres_server(_nothing_left_running: None) -> Iterator[str]:
    """The URL of a real PostgreSQL server; a test that needs one fails without."""
    from atoll.testing.postgres import postgres_server

    with postgres_server(POSTGRES_URL) as url:
        yield url


@pytest.fixture
async def postgres_database(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a database of this test's own, made by whoever opens it first and dropped afterwards."""
    from atoll.testing.postgres import postgres_database

    async with postgres_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_of_all(postgres_server: str) -> Iterator[str]:
    """The URL of a database that tests share which keep to a schema of their own."""
    from atoll.testing.postgres import postgres_database

    with asyncio.Runner() as runner:
        database = postgres_database(postgres_server)
        url = runner.run(database.__aenter__())
        runner.run(_created(url))
        yield url
        runner.run(database.__aexit__(None, None, None))


async def _created(url: str) -> None:
    from atoll.storage.postgres import PostgresEngine

    await (await PostgresEngine.open(url)).close()


@pytest.fixture
async def postgres_schema(postgres_of_all: str) -> AsyncIterator[str]:
    """The URL of an empty schema of this test's own: some hundred times quicker to make than a database."""
    import asyncpg

    from atoll.core.ids import new_id

    name = f"test_{new_id().replace('-', '')}"
    connection = await asyncpg.connect(postgres_of_all)
    await connection.execute(f"CREATE SCHEMA {name}")
    yield f"{postgres_of_all}?search_path={name}"
    await connection.execute(f"DROP SCHEMA {name} CASCADE")
    await connection.close()
