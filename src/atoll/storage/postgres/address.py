"""A `postgresql:` URL, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from atoll.core.errors import SettingsError

POOL_SIZE: Final = 5
"""Connections of one process: a dozen services with one replica each stay below the server's usual 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a database is. `dsn` is for the driver; `shown` is for people and has no password."""

    dsn: str
    shown: str
    user: str
    database: str
    pool_size: int = POOL_SIZE

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read `postgresql://user:password@host:port/database?pool=5&sslmode=…`.

        `pool` is the most connections this process may hold; the rest is the driver's. Raises SettingsError.
        """
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError as error:
            raise _wrong(url, str(error)) from error
        if not (database := unquote(parts.path.removeprefix("/"))):
            raise _wrong(url, "it names no database")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        pool = options.pop("pool", str(POOL_SIZE))
        if not pool.isdecimal() or int(pool) < 1:
            raise _wrong(url, f"pool={pool} must be 1 or more")
        return cls(
            dsn=parts._replace(query=urlencode(options)).geturl(),
            shown=_shown(parts, options),
            user=unquote(parts.username or ""),
            database=database,
            pool_size=int(pool),
        )


def _shown(parts: SplitResult, options: dict[str, str]) -> str:
    host = parts.netloc.rpartition("@")[2] or options.get("host", "")
    return f"postgresql://{host}{parts.path}"


def _wrong(url: str, why: str) -> SettingsError:
    place = url.partition("://")[2].rpartition("@")[2]
    return SettingsError(
        [f"the database URL postgresql://{place} is not usable: {why}; write postgresql://user@host:5432/database"]
    )
