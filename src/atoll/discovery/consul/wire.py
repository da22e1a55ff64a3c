"""What we send to Consul and read from it; of its answers only what an instance is made of.

Sources: https://developer.hashicorp.com/consul/api-docs/agent/service and …/api-docs/health
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from atoll.discovery.port import Instance

VERSION_KEY: Final = "version"
READY_PATH: Final = "/readyz"

_NAMES: Final = {
    "id": "ID",
    "http": "HTTP",
    "deregister_after": "DeregisterCriticalServiceAfter",
}


def _consul(name: str) -> str:
    return _NAMES.get(name) or name.capitalize()


class Check(msgspec.Struct, kw_only=True, rename=_consul):
    """The check Consul makes of an instance. It is gone after the least time Consul allows."""

    http: str
    status: Literal["passing", "critical"]
    interval: str = "10s"
    timeout: str = "3s"
    deregister_after: str = "1m"


class Registration(msgspec.Struct, kw_only=True, rename=_consul):
    """An instance as Consul is told of it."""

    id: str
    name: str
    address: str
    port: int
    meta: dict[str, str]
    check: Check


class Node(msgspec.Struct, kw_only=True, rename=_consul):
    """The part of a node that matters when a service has no address of its own."""

    address: str = ""


class Service(msgspec.Struct, kw_only=True, rename=_consul):
    """The part of a service that makes an instance."""

    id: str
    service: str
    port: int
    address: str = ""
    meta: dict[str, str] | None = None


class Entry(msgspec.Struct, kw_only=True, rename=_consul):
    """One element of what `health/service` answers."""

    node: Node
    service: Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The passing instances of a service, by id, and the index to wait from for the next change."""

    instances: Sequence[Instance]
    index: int


def registration(instance: Instance, *, ready: bool) -> bytes:
    """Return the body that registers `instance`; `ready` says whether it passes until its check has run."""
    meta = dict(instance.meta) | ({VERSION_KEY: instance.version} if instance.version else {})
    host = f"[{instance.host}]" if ":" in instance.host else instance.host
    body = Registration(
        id=instance.id,
        name=instance.service,
        address=instance.host,
        port=instance.port,
        meta=meta,
        check=Check(http=f"http://{host}:{instance.port}{READY_PATH}", status="passing" if ready else "critical"),
    )
    return msgspec.json.encode(body)


def read_answer(body: bytes, headers: Mapping[str, str]) -> Answer:
    """Return what `health/service` answered. Raises ValueError when it is no such answer."""
    index = headers.get("x-consul-index", "")
    if not index.isdecimal():
        raise ValueError("its answer has no X-Consul-Index, so it is not Consul")
    entries = msgspec.json.decode(body, type=list[Entry])
    instances = sorted(map(_instance, entries), key=lambda each: each.id)
    return Answer(instances=tuple(instances), index=int(index))


def _instance(entry: Entry) -> Instance:
    meta = dict(entry.service.meta or {})
    return Instance(
        id=entry.service.id,
        service=entry.service.service,
        host=entry.service.address or entry.node.address,
        port=entry.service.port,
        version=meta.pop(VERSION_KEY, ""),
        meta=meta,
    )
