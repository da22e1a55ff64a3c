"""Before the services start their databases are migrated, and all that is wrong with their engines is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import nats
import pytest

from atoll.core import Settings
from atoll.core.ids import new_id
from atoll.messaging.nats.server import NatsServer
from atoll.migrations.migrate import Target
from atoll.service import ServiceHost
from atoll.service.opening import CannotStart
from atoll.storage import UnknownSchema
from atoll.storage.engines import open_engine
from atoll.system import running
from atoll.system.errors import StartFailed
from tests.integration.system.ledgers import LedgerService
from tests.integration.system.pair import CounterService
from tests.integration.system.test_refusals import refused

LEDGERS = "tests.integration.system.ledgers:ledgers"
PAIR = "tests.integration.system.pair:pair"
FOLDER = Path(__file__).parent / "ledger"


async def note(url: str, revision: str) -> None:
    """Make the ledger's database one of code that is yet to be written."""
    engine = await open_engine(url)
    await engine.script(f"UPDATE atoll_compatible SET revision = '{revision}' WHERE part = 'ledger'")
    await engine.close()


@pytest.fixture
async def careless(postgres_server: str) -> AsyncIterator[str]:
    """The URL of databases whose role does not wait until a commit is on the disk."""
    name = f"atoll_test_{new_id().replace('-', '')}"
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f"CREATE ROLE {name} LOGIN CREATEDB; ALTER ROLE {name} SET synchronous_commit = off")
    parts = urlsplit(postgres_server)
    yield f"postgresql://{name}@{parts.hostname}:{parts.port or 5432}/{name}_{{service}}"
    for service in ("counter", "desk"):
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}_{service}" WITH (FORCE)')
    await connection.execute(f"DROP ROLE {name}")
    await connection.close()


@pytest.fixture
async def forgetful(tmp_path: Path) -> AsyncIterator[str]:
    """A broker on which the stream of `pair` is kept in memory."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="pair", subjects=["pair.>"], storage="memory")
    await client.close()
    yield server.url
    await server.stop()


async def test_a_system_with_migrations_starts_without_a_step(tmp_path: Path) -> None:
    async with running(LEDGERS, directory=tmp_path):
        pass
    url = f"sqlite:///{tmp_path}/ledgers/data/ledger.db"
    assert {each.standing for each in await Target("ledger", url, FOLDER).look()} == {"fits"}
    await note(url, "0007")
    assert await refused(LEDGERS, tmp_path) == (
        "ledgers cannot start: ledger: the ledger tables of the database are at revision 0007, which this code does "
        "not know (its newest is 0001); start the newer code, which that revision was made for"
    )


async def test_a_service_alone_refuses_tables_that_are_missing(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(
        UnknownSchema, match="no ledger tables yet, .* 0001 is needed; run: atoll migrate --service led"
    ):
        await ServiceHost(LedgerService, settings).start()


async def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, careless: str, forgetful: str) -> None:
    environ = {
        "ATOLL_DATABASE_URL": careless,
        "ATOLL_BROKER_URL": forgetful,
        "ATOLL_REGISTRY_URL": "consul://127.0.0.1:1",
    }
    with pytest.raises(StartFailed) as caught:
        async with running(PAIR, directory=tmp_path, environ=environ):
            pass
    first, database, broker, registry = str(caught.value).splitlines()
    assert first == "pair cannot start: 3 things are wrong:"
    assert "synchronous_commit is off" in database
    assert "ATOLL_UNSAFE=postgres-async-commit" in database
    assert urlsplit(careless).path in database
    assert "the stream 'pair'" in broker
    assert "keeps its messages in memory" in broker
    assert registry.startswith("- the registry at http://127.0.0.1:1 gave no answer")


async def test_a_wrong_setting_does_not_hide_what_is_wrong_with_the_engines(tmp_path: Path, careless: str) -> None:
    environ = {
        "ATOLL_DATABASE_URL": careless,
        "ATOLL_BROKER_URL": "foo://127.0.0.1",
        "ATOLL_REGISTRY_URL": "consul://127.0.0.1:1",
        "ATOLL_DRAIN_SECONDS": "soon",
    }
    broker, drain, database, registry = (await refused(PAIR, tmp_path, environ=environ)).splitlines()
    assert broker.startswith("ATOLL_BROKER_URL is 'foo://127.0.0.1', but must begin with one of nats:")
    assert drain == "ATOLL_DRAIN_SECONDS is 'soon', but must be a number"
    assert "synchronous_commit is off" in database
    assert registry.startswith("the registry at http://127.0.0.1:1 gave no answer")
    assert not (tmp_path / "pair").exists()


async def test_a_setting_that_only_a_system_suffers_from_is_told_with_the_others(
    tmp_path: Path, forgetful: str
) -> None:
    url = f"sqlite:///{tmp_path}/all.db"
    environ = {"ATOLL_DATABASE_URL": url, "ATOLL_BROKER_URL": forgetful, "ATOLL_LOG_LEVEL": "LOUD"}
    level, database, broker = (await refused(PAIR, tmp_path, environ=environ)).splitlines()
    assert level.startswith("ATOLL_LOG_LEVEL is 'LOUD'")
    assert database.startswith("ATOLL_DATABASE_URL must hold {service}")
    assert "keeps its messages in memory" in broker
    assert not (tmp_path / "all.db").exists()


async def test_a_service_alone_tells_everything_at_once_too(careless: str, forgetful: str) -> None:
    settings = Settings(
        system="pair", database_url=careless, broker_url=forgetful, registry_url="consul://127.0.0.1:none"
    )
    with pytest.raises(CannotStart) as caught:
        await asyncio.wait_for(ServiceHost(CounterService, settings).start(), 10)
    database, broker, registry = caught.value.problems
    assert "synchronous_commit is off" in database
    assert "keeps its messages in memory" in broker
    assert "consul://127.0.0.1:none" in registry
    assert not caught.value.retryable


async def test_a_risk_that_is_accepted_does_not_stop_the_start(tmp_path: Path, careless: str) -> None:
    environ = {"ATOLL_DATABASE_URL": careless, "ATOLL_UNSAFE": "postgres-async-commit"}
    async with running(PAIR, directory=tmp_path, environ=environ) as system:
        assert system.state.stage == "ready"
