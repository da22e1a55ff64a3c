"""What a registration must say to be accepted, and the definition it becomes.

Sources: https://developer.hashicorp.com/consul/api-docs/agent/service and …/agent/check
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from atoll.discovery.agent.bodies import (
    AddressBody,
    CheckBody,
    Duration,
    ServiceBody,
    UpdateBody,
    WeightsBody,
    convert,
    fold,
)
from atoll.discovery.agent.records import CheckDefinition, Kind, ServiceAddress, ServiceDefinition, Status
from atoll.discovery.durations import parse_duration
from atoll.discovery.errors import RegistryRefused

STATUSES: Final[tuple[Status, ...]] = ("passing", "warning", "critical")
MIN_INTERVAL: Final = 1.0
DEFAULT_TIMEOUT: Final = 10.0
_META_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SCRIPTS: Final = frozenset(("args", "scriptargs", "script", "dockercontainerid"))
_UNSUPPORTED: Final = _SCRIPTS | {"grpc", "h2ping", "udp", "osservice", "aliasservice", "aliasnode"}


def read_service(value: Mapping[str, Any]) -> ServiceDefinition:
    """Return the registration that `value` says. Raises RegistryRefused with the first thing wrong."""
    body = convert(value, ServiceBody)
    if not body.name:
        raise RegistryRefused(400, "Missing service name")
    _check_address(body.address, body.port)
    _check_meta(body.meta)
    service_id = body.id or body.name
    return ServiceDefinition(
        id=service_id,
        name=body.name,
        address=body.address,
        port=body.port,
        tags=tuple(body.tags),
        meta=body.meta,
        weights=_weights(body.weights),
        tagged_addresses=_tagged(body.tagged_addresses),
        enable_tag_override=body.enable_tag_override,
        checks=_service_checks(service_id, body),
    )


def read_check(value: Mapping[str, Any]) -> tuple[CheckDefinition, str]:
    """Return the check that `value` says and the id of the service it is for, which may be empty."""
    body = convert(value, CheckBody)
    if not body.name:
        raise RegistryRefused(400, "Missing check name")
    return _check(value, body, body.id or body.check_id or body.name, body.name), body.service_id


def read_update(value: Mapping[str, Any]) -> tuple[Status, str]:
    """Return the status and output that a report says."""
    body = convert(value, UpdateBody)
    if not body.status:
        raise RegistryRefused(400, "Invalid check status: ''")
    return _status(body.status), body.output


def _service_checks(service_id: str, body: ServiceBody) -> tuple[CheckDefinition, ...]:
    values = [each for each in (body.check, *body.checks) if each]
    found: list[CheckDefinition] = []
    for number, value in enumerate(values, start=1):
        check = convert(value, CheckBody)
        default = f"service:{service_id}" + (f":{number}" if len(values) > 1 else "")
        name = check.name or f"Service '{body.name}' check"
        found.append(_check(value, check, check.check_id or check.id or default, name))
    return tuple(found)


def _check(value: Mapping[str, Any], body: CheckBody, check_id: str, name: str) -> CheckDefinition:
    kind = _kind(value, body)
    interval, ttl = _seconds("Interval", body.interval), _seconds("TTL", body.ttl)
    if interval and ttl:
        raise RegistryRefused(400, "Invalid check: Interval and TTL cannot both be specified")
    if kind == "ttl" and not ttl:
        raise RegistryRefused(400, "Invalid check: TTL must be > 0 for TTL checks")
    if kind != "ttl" and not interval:
        raise RegistryRefused(400, "Invalid check: Interval must be > 0 for HTTP and TCP checks")
    return CheckDefinition(
        id=check_id,
        name=name,
        kind=kind,
        notes=body.notes,
        status=_status(body.status) if body.status else "critical",
        target=body.http or body.tcp,
        method=body.method or "GET",
        headers={key: ", ".join(values) for key, values in body.header.items()},
        body=body.body,
        verify=not body.tls_skip_verify,
        interval=max(MIN_INTERVAL, interval),
        timeout=_seconds("Timeout", body.timeout) or DEFAULT_TIMEOUT,
        ttl=ttl,
        deregister_after=_seconds("DeregisterCriticalServiceAfter", body.deregister_critical_service_after),
    )


def _kind(value: Mapping[str, Any], body: CheckBody) -> Kind:
    if unsupported := [key for key, each in value.items() if each and fold(key) in _UNSUPPORTED]:
        raise RegistryRefused(400, f"Invalid check: {unsupported[0]} is not supported; use HTTP, TCP or TTL")
    if body.http and not _is_address(body.http, ("http", "https")):
        raise RegistryRefused(400, "Invalid check: HTTP must be an http:// or https:// address")
    if body.tcp and not (_is_address(f"tcp://{body.tcp}", ("tcp",)) and urlsplit(f"tcp://{body.tcp}").port):
        raise RegistryRefused(400, "Invalid check: TCP must be written HOST:PORT")
    return "http" if body.http else "tcp" if body.tcp else "ttl"


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _status(text: str) -> Status:
    for each in STATUSES:
        if each == text:
            return each
    raise RegistryRefused(400, f"Invalid check status: '{text[:40]}'; it must be {', '.join(STATUSES)}")


def _seconds(name: str, value: Duration) -> float:
    try:
        return parse_duration(value) if value else 0.0
    except ValueError as error:
        raise RegistryRefused(400, f"Request decode failed: {name}: {error}") from error


def _weights(value: Mapping[str, Any]) -> tuple[int, int]:
    body = convert(value, WeightsBody)
    if body.passing < 1 or body.warning < 0:
        raise RegistryRefused(400, "Invalid Weights: Passing must be at least 1 and Warning at least 0")
    return body.passing, body.warning


def _tagged(value: Mapping[str, Mapping[str, Any]]) -> dict[str, ServiceAddress]:
    bodies = {name: convert(each, AddressBody) for name, each in value.items()}
    return {name: ServiceAddress(address=each.address, port=each.port) for name, each in bodies.items()}


def _check_address(address: str, port: int) -> None:
    if not 0 <= port <= 65535:
        raise RegistryRefused(400, f"Invalid service port: {port} is not from 0 to 65535")
    try:
        unspecified = ipaddress.ip_address(address.strip("[]")).is_unspecified
    except ValueError:
        unspecified = False
    if unspecified:
        raise RegistryRefused(400, "Invalid service address: other machines cannot reach an unspecified one")


def _check_meta(meta: Mapping[str, str]) -> None:
    if len(meta) > 64:
        raise RegistryRefused(400, "Invalid Service Meta: there are more than 64 pairs")
    for key, value in meta.items():
        if not _META_KEY.fullmatch(key) or len(value) > 512:
            raise RegistryRefused(
                400,
                f"Invalid Service Meta: {key[:40]!r} must be up to 128 letters, digits, '_' and '-', "
                "and its value up to 512 characters",
            )
