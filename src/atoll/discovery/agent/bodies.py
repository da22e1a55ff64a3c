"""Request bodies as they arrive: JSON whose keys Consul reads without regard to case and underscores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from atoll.discovery.errors import RegistryRefused

T = TypeVar("T")

Duration = str | int | float


def fold(name: str) -> str:
    """Return the form in which two keys are equal when Consul takes them for the same."""
    return name.replace("_", "").lower()


class CheckBody(msgspec.Struct, kw_only=True, rename=fold):
    """A check inside a registration; only what this agent can do is read."""

    id: str = ""
    check_id: str = ""
    name: str = ""
    notes: str = ""
    status: str = ""
    service_id: str = ""
    http: str = ""
    tcp: str = ""
    method: str = ""
    header: dict[str, list[str]] = {}
    body: str = ""
    tls_skip_verify: bool = False
    interval: Duration = 0
    timeout: Duration = 0
    ttl: Duration = 0
    deregister_critical_service_after: Duration = 0


class WeightsBody(msgspec.Struct, kw_only=True, rename=fold):
    """How much a service counts while it passes and while it warns."""

    passing: int = 1
    warning: int = 1


class AddressBody(msgspec.Struct, kw_only=True, rename=fold):
    """A tagged address."""

    address: str = ""
    port: int = 0


class ServiceBody(msgspec.Struct, kw_only=True, rename=fold):
    """A service registration; the nested checks are read one by one."""

    id: str = ""
    name: str = ""
    address: str = ""
    port: int = 0
    tags: list[str] = []
    meta: dict[str, str] = {}
    weights: dict[str, Any] = {}
    tagged_addresses: dict[str, dict[str, Any]] = {}
    enable_tag_override: bool = False
    check: dict[str, Any] = {}
    checks: list[dict[str, Any]] = []


class UpdateBody(msgspec.Struct, kw_only=True, rename=fold):
    """The report on a TTL check."""

    status: str = ""
    output: str = ""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises RegistryRefused when it is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise RegistryRefused(400, f"Request decode failed: {error}") from error


def convert(value: Mapping[str, Any], kind: type[T]) -> T:
    """Return `value` as `kind`, with keys folded and nulls left out. Raises RegistryRefused when it does not fit."""
    known = {fold(key): each for key, each in value.items() if each is not None}
    try:
        return msgspec.convert(known, kind)
    except msgspec.ValidationError as error:
        raise RegistryRefused(400, f"Request decode failed: {error}") from error
