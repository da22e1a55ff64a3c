"""The environment a service or a program is started in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
