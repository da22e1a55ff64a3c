"""The environment a service or a program is started in, and what the user's own environment means for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from atoll.core import Settings, SettingsError
from atoll.gateway import Gateway
from atoll.system.declaration import System

_OURS_ALONE: Final = ("ATOLL_HOST", "ATOLL_PORT")
"""Twelve services cannot share one port, so these do not reach them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the local platform tells every process of a system."""

    system: str
    data: Path
    broker_url: str
    registry_url: str
    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    programs: Mapping[str, str]


def environment_for(base: Mapping[str, str], around: Surroundings, *, instance: int) -> dict[str, str]:
    """Return `base` with the platform's variables. One that the user set wins, but for who the process is."""
    platform = {
        "ATOLL_DATABASE_URL": f"sqlite:///{around.data}/{{service}}.db",
        "ATOLL_DATA": str(around.data),
        "ATOLL_BROKER_URL": around.broker_url,
        "ATOLL_REGISTRY_URL": around.registry_url,
        "ATOLL_ISSUER": around.issuer,
        "ATOLL_AUDIENCE": around.audience,
        "ATOLL_JWKS_URL": around.jwks_url,
        **around.programs,
    }
    identity = {"ATOLL_SYSTEM": around.system, "ATOLL_INSTANCE": str(instance)}
    kept = {name: value for name, value in base.items() if name not in _OURS_ALONE}
    return {name: value for name, value in platform.items() if value} | kept | identity


def settings_for(system: System, environ: Mapping[str, str]) -> Settings:
    """Read the user's settings. Raises SettingsError for those that a system of several processes would suffer from."""
    settings, problems = read_settings(system, environ)
    if problems:
        raise SettingsError(problems)
    return settings


def read_settings(system: System, environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the user's settings, and a sentence for each that is wrong or that several processes would suffer from."""
    settings, wrong = Settings.attempt(environ)
    problems = list(wrong)
    if lacks_service(system, settings):
        problems.append("ATOLL_DATABASE_URL must hold {service}, because each service has a database of its own")
    if environ.get("ATOLL_BROKER_URL", "").startswith("memory:"):
        problems.append(
            "ATOLL_BROKER_URL is memory:, which no other process can reach; leave it out, or use nats:// or amqp://"
        )
    return settings, problems


def lacks_service(system: System, settings: Settings) -> bool:
    """Tell whether the user's database URL would give several services one database."""
    named = settings.environ.get("ATOLL_DATABASE_URL") == settings.database_url
    return named and "{service}" not in settings.database_url and len(system.services) > 1


def gateway_for(gateway: Gateway, settings: Settings, port: int | None) -> Gateway:
    """Return `gateway` with the port that was asked for, and with the issuer and audience that services are told."""
    jwt = gateway.jwt and replace(
        gateway.jwt,
        issuer=settings.issuer or gateway.jwt.issuer,
        audience=settings.audience or gateway.jwt.audience,
    )
    return replace(gateway, port=port or gateway.port, jwt=jwt)
