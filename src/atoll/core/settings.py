"""The settings of a process: URLs from the environment, read once, every problem told at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from atoll.core.errors import SettingsError

N = TypeVar("N", int, float)

SCHEMES: Final[dict[str, tuple[str, ...]]] = {
    "ATOLL_DATABASE_URL": ("sqlite", "postgresql"),
    "ATOLL_BROKER_URL": ("nats", "amqp", "amqps", "memory"),
    "ATOLL_REGISTRY_URL": ("consul", "static"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a service process is told from outside.

    `database_url` may hold `{service}`, which becomes the service's name. `environ` is the whole
    environment, for a service's own settings (a third party's URL, a key). `jwks_url` is where the issuer's keys
    are: `service://auth/.well-known/jwks.json` asks the instances of the service `auth`. `reply_seconds` is how long
    the reply to a command is kept under its idempotency key; after that the key is a new one. `unsafe` names the
    risks to the data that are accepted, such as `postgres-async-commit`; what refuses to start names its own.
    """

    database_url: str = "sqlite:///.atoll/data/{service}.db"
    broker_url: str = "memory:"
    registry_url: str = "static:"
    host: str = "127.0.0.1"
    port: int = 0
    instance: str = "0"
    system: str = "default"
    log_format: str = "auto"
    log_level: str = "INFO"
    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    drain_seconds: float = 30.0
    reply_seconds: float = 7 * 86400.0
    unsafe: frozenset[str] = frozenset()
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    def database_for(self, service: str) -> str:
        """Return the URL of one service's database."""
        return self.database_url.replace("{service}", service)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read `ATOLL_*` from `environ`. Raises SettingsError naming every wrong one."""
        settings, problems = cls.attempt(environ)
        if problems:
            raise SettingsError(problems)
        return settings

    @classmethod
    def attempt(cls, environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
        """Read `ATOLL_*` from `environ`, and return a sentence for every wrong one, whose default is taken instead."""
        reader, default = _Reader(environ), cls()
        settings = cls(
            database_url=reader.url("ATOLL_DATABASE_URL", default.database_url),
            broker_url=reader.url("ATOLL_BROKER_URL", default.broker_url),
            registry_url=reader.url("ATOLL_REGISTRY_URL", default.registry_url),
            host=environ.get("ATOLL_HOST", default.host),
            port=reader.number("ATOLL_PORT", int, default.port, 0, 65535),
            instance=environ.get("ATOLL_INSTANCE", default.instance),
            system=environ.get("ATOLL_SYSTEM", default.system),
            log_format=reader.choice("ATOLL_LOG_FORMAT", default.log_format, ("auto", "json", "text")),
            log_level=reader.choice("ATOLL_LOG_LEVEL", default.log_level, ("DEBUG", "INFO", "WARNING", "ERROR")),
            issuer=environ.get("ATOLL_ISSUER", default.issuer),
            jwks_url=environ.get("ATOLL_JWKS_URL", default.jwks_url),
            audience=environ.get("ATOLL_AUDIENCE", default.audience),
            drain_seconds=reader.number("ATOLL_DRAIN_SECONDS", float, default.drain_seconds, 0, 3600),
            reply_seconds=reader.number("ATOLL_REPLY_SECONDS", float, default.reply_seconds, 60, math.inf),
            unsafe=frozenset(environ.get("ATOLL_UNSAFE", "").replace(",", " ").split()),
            environ=dict(environ),
        )
        return settings, tuple(reader.problems)


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def url(self, name: str, default: str) -> str:
        value = self.environ.get(name, default)
        if value.partition(":")[0] not in SCHEMES[name]:
            allowed = ", ".join(f"{each}:" for each in SCHEMES[name])
            self.problems.append(f"{name} is {value!r}, but must begin with one of {allowed}")
            return default
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.environ.get(name, default)
        if value not in allowed:
            self.problems.append(f"{name} is {value!r}, but must be one of {', '.join(allowed)}")
            return default
        return value

    def number(self, name: str, kind: Callable[[str], N], default: N, low: N, high: N) -> N:
        text = self.environ.get(name)
        if text is None:
            return default
        try:
            value = kind(text)
        except ValueError:
            self.problems.append(f"{name} is {text!r}, but must be a number")
            return default
        if not low <= value <= high:
            self.problems.append(f"{name} is {text}, but must be from {low} to {high}")
            return default
        return value
