"""What must be true of a server before a service starts on it, every problem told at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Set
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from atoll.storage.errors import ConnectionLost, DatabaseUnusable
from atoll.storage.postgres.address import Address
from atoll.storage.postgres.errors import DRIVER_ERRORS, connection_lost

if TYPE_CHECKING:
    from asyncpg import Connection, Record

OLDEST: Final = 13
CONNECT_SECONDS: Final = 10.0

LOSSY: Final[Mapping[str, tuple[Set[str], str, str]]] = {
    "synchronous_commit": (frozenset({"off"}), "postgres-async-commit", "a crash loses the last commits"),
    "fsync": (frozenset({"off"}), "postgres-no-fsync", "a power cut loses commits or the whole database"),
    "full_page_writes": (frozenset({"off"}), "postgres-no-full-page-writes", "a power cut can damage pages"),
}
"""Settings that lose data: which values, the name that accepts the risk, and what the risk is."""


async def ready_database(address: Address, unsafe: Set[str]) -> None:
    """Create the database when it is missing, and check the server.

    Raises DatabaseUnusable telling each problem, ConnectionLost for a server that may be ready in a moment.
    """
    try:
        problems = await _inspect(address, unsafe)
    except (*DRIVER_ERRORS, ValueError, TimeoutError) as error:
        raise unusable(address, error) from error
    if problems:
        raise DatabaseUnusable("\n".join(f"{address.shown}: {each}" for each in problems))


async def _inspect(address: Address, unsafe: Set[str]) -> list[str]:
    try:
        return await _problems(address, unsafe)
    except asyncpg.InvalidCatalogNameError:
        await _create(address)
        return await _problems(address, unsafe)


async def _problems(address: Address, unsafe: Set[str]) -> list[str]:
    async with _connected(address) as connection:
        version = connection.get_server_version()
        names = ["server_encoding", *LOSSY]
        rows = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", names)
    settings = {row["name"]: row["setting"] for row in rows}
    return [*version_problems(version.major), *setting_problems(settings, unsafe)]


def version_problems(version: int) -> Iterator[str]:
    """Tell what is wrong with a server's major version."""
    if version < OLDEST:
        yield f"the server is PostgreSQL {version}, but {OLDEST} or newer is needed; upgrade it"


def setting_problems(settings: Mapping[str, str], unsafe: Set[str]) -> Iterator[str]:
    """Tell what is wrong with a server's settings."""
    if (encoding := settings.get("server_encoding", "UTF8")) != "UTF8":
        yield f"its encoding is {encoding}, but must be UTF8; create it with ENCODING 'UTF8'"
    for name, (bad, risk, what) in LOSSY.items():
        if settings.get(name) in bad and risk not in unsafe:
            yield f"{name} is {settings[name]}, so {what}; turn it on, or accept that with ATOLL_UNSAFE={risk}"


async def _create(address: Address) -> None:
    """Create the database, unless another replica does so at the same time."""
    try:
        async with _connected(address, database="postgres") as connection:
            await connection.execute(creation(address.database, connection.get_server_version().major))
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return
    except (*DRIVER_ERRORS, ValueError, TimeoutError) as error:
        raise DatabaseUnusable(
            f"the database {address.shown} does not exist and could not be created ({error}); create it, "
            f"or let the role {address.user or 'in the URL'} do so: ALTER ROLE … CREATEDB"
        ) from error


def creation(database: str, version: int) -> str:
    """Return the statement that creates a database which sorts text as SQLite does, whatever the server's locale."""
    quoted = database.replace('"', '""')
    provider = " LOCALE_PROVIDER libc" if version >= 15 else ""
    return f"CREATE DATABASE \"{quoted}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'{provider}"


@asynccontextmanager
async def _connected(address: Address, **changes: Any) -> AsyncGenerator[Connection[Record]]:
    connection = await asyncpg.connect(address.dsn, timeout=CONNECT_SECONDS, **changes)
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


def _passing(error: BaseException) -> bool:
    """Tell whether there is a server, which may take the connection in a moment."""
    if isinstance(error, asyncpg.PostgresError):
        return connection_lost(error)
    return isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)


def unusable(address: Address, error: BaseException) -> DatabaseUnusable | ConnectionLost:
    """Return what to raise when a connection could not be made, in one sentence that says what to do.

    A server that is there, but starts, stops or breaks off just now, is waited for: that is a ConnectionLost.
    """
    if _passing(error):
        return ConnectionLost(f"the server of {address.shown} is not ready, or broke the connection off: {error}")
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        why = f"the server does not accept the credentials ({error}); check user and password in the URL"
    elif isinstance(error, asyncpg.InterfaceError | ValueError):
        why = f"the driver does not take the URL ({error})"
    elif isinstance(error, asyncpg.PostgresError):
        why = f"the server refuses the connection ({error})"
    else:
        why = f"no PostgreSQL server answers there ({error or type(error).__name__}); start it, or correct the URL"
    return DatabaseUnusable(f"the database {address.shown} cannot be used: {why}")
