"""Which engine a database URL asks for; only that one is imported."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from urllib.parse import unquote

from atoll.core.errors import SettingsError
from atoll.storage.port import Engine


async def open_engine(url: str, unsafe: Set[str] = frozenset()) -> Engine:
    """Open the engine for `url`. Raises SettingsError for a URL of no known form, DatabaseUnusable."""
    scheme = url.partition(":")[0]
    if scheme == "postgresql":
        return await _postgres(url, unsafe)
    if scheme == "sqlite" and (path := url.removeprefix("sqlite:///")) not in (url, ""):
        from atoll.storage.sqlite import SqliteEngine

        return await SqliteEngine.open(Path(unquote(path)))
    raise SettingsError(
        [
            f"the database URL {url!r} is not usable; write sqlite:///relative.db, sqlite:////absolute.db "
            "or postgresql://user@host/database"
        ]
    )


async def _postgres(url: str, unsafe: Set[str]) -> Engine:
    try:
        from atoll.storage.postgres import PostgresEngine
    except ImportError as error:
        raise SettingsError(["a postgresql: database needs asyncpg; install atoll[postgres]"]) from error
    return await PostgresEngine.open(url, unsafe=unsafe)
