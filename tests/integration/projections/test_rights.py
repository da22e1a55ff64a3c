"""A role of PostgreSQL that may not make tables cannot have projections, and is told so with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
import pytest

from atoll.core.clock import SystemClock
from atoll.core.ids import new_id
from atoll.eventstore import EventStore, new_event
from atoll.projections import NoRight, ProjectionEngine
from atoll.projections.books import Books
from atoll.storage import Database
from tests.integration.projections.worker import Counted, Counts


class Clerk:
    """A role that may write the tables which another one has made, and make none."""

    def __init__(self, url: str, administrator: asyncpg.Connection[asyncpg.Record], stack: AsyncExitStack) -> None:
        self.role = f"test_{new_id().replace('-', '')}"
        self.schema = parse_qs(urlsplit(url).query)["search_path"][0]
        parts = urlsplit(url)
        self._url = urlunsplit(parts._replace(netloc=f"{self.role}@{parts.netloc.rpartition('@')[2]}"))
        self._administrator, self._stack = administrator, stack

    async def may(self, *rights: str) -> None:
        for each in rights:
            await self._administrator.execute(f"GRANT {each} {self.schema} TO {self.role}")

    async def may_not(self, right: str) -> None:
        await self._administrator.execute(f"REVOKE {right} {self.schema} FROM {self.role}")

    async def project(self) -> tuple[ProjectionEngine, Counts, EventStore]:
        db = await Database.open(self._url)
        self._stack.push_async_callback(db.close)
        store = await EventStore.over(db)
        self._stack.push_async_callback(store.close)
        view = Counts()
        engine = ProjectionEngine(db, store, [view], owner="test/0")
        self._stack.push_async_callback(engine.stop)
        return engine, view, store


@pytest.fixture
async def clerk(postgres_schema: str) -> AsyncIterator[Clerk]:
    administrator = await asyncpg.connect(postgres_schema)
    async with AsyncExitStack() as stack:
        clerk = Clerk(postgres_schema, administrator, stack)
        await administrator.execute(f"CREATE ROLE {clerk.role} LOGIN")
        await _make_tables(postgres_schema)
        await clerk.may("USAGE ON SCHEMA", "ALL ON ALL TABLES IN SCHEMA", "ALL ON ALL SEQUENCES IN SCHEMA")
        yield clerk
    await administrator.execute(f"DROP OWNED BY {clerk.role} CASCADE; DROP ROLE {clerk.role}")
    await administrator.close()


async def _make_tables(url: str) -> None:
    """Make the toolkit's tables, as a migration by another role does."""
    db = await Database.open(url)
    store = await EventStore.over(db)
    await Books(db, SystemClock(), owner="", lease_seconds=1.0).prepare()
    await store.close()
    await db.close()


async def test_a_role_that_may_not_make_tables_is_told_so_at_the_start(clerk: Clerk) -> None:
    engine, _, _ = await clerk.project()
    with pytest.raises(NoRight) as raised:
        await engine.start()
    assert str(raised.value) == (
        f"the projection counts makes the tables of its view itself, but the role {clerk.role} may not make tables in "
        f"the schema {clerk.schema}; allow it: GRANT CREATE ON SCHEMA {clerk.schema} TO {clerk.role}"
    )
    assert not raised.value.retryable


async def test_what_the_sentence_says_is_enough(clerk: Clerk) -> None:
    await clerk.may("CREATE ON SCHEMA")
    engine, view, store = await clerk.project()
    await engine.start()
    await view.wait_for((await store.append("s", [new_event(Counted(number=1))])).position, timeout=20)
    await engine.rebuild("counts")


async def test_a_rebuild_that_may_not_make_tables_changes_nothing(clerk: Clerk) -> None:
    await clerk.may("CREATE ON SCHEMA")
    engine, view, store = await clerk.project()
    await engine.start()
    await clerk.may_not("CREATE ON SCHEMA")
    with pytest.raises(NoRight):
        await engine.rebuild("counts")
    await view.wait_for((await store.append("s", [new_event(Counted(number=1))])).position, timeout=20)
