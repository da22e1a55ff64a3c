"""The JSON that the agent answers with, in the shapes and with the key names of Consul's HTTP API.

Lists are never null. Sources: https://developer.hashicorp.com/consul/api-docs/health, …/catalog, …/agent/service
"""

from __future__ import annotations

from typing import Final

import msgspec

_UPPER: Final = {"id": "ID", "http": "HTTP", "tcp": "TCP"}


def _consul(name: str) -> str:
    return "".join(_UPPER.get(word, word.capitalize()) for word in name.split("_"))


class Shape(msgspec.Struct, rename=_consul):
    """Base of the answers: attribute `service_id` is the key `ServiceID`."""


class NodeShape(Shape, kw_only=True):
    """A node."""

    id: str
    node: str
    address: str
    datacenter: str
    tagged_addresses: dict[str, str]
    meta: dict[str, str]
    create_index: int = 1
    modify_index: int = 1


class WeightsShape(Shape, kw_only=True):
    """The weights of a service while it passes and while it warns."""

    passing: int
    warning: int


class AddressShape(Shape, kw_only=True):
    """One of a service's tagged addresses."""

    address: str
    port: int


class ServiceShape(Shape, kw_only=True):
    """A service as `health/service` shows it."""

    kind: str = ""
    id: str
    service: str
    tags: list[str]
    address: str
    tagged_addresses: dict[str, AddressShape]
    meta: dict[str, str]
    port: int
    weights: WeightsShape
    enable_tag_override: bool
    create_index: int
    modify_index: int


class AgentServiceShape(ServiceShape, kw_only=True):
    """A service as `agent/services` shows it."""

    datacenter: str


class CheckShape(Shape, kw_only=True):
    """A check, of a service or of the node."""

    node: str
    check_id: str
    name: str
    status: str
    notes: str = ""
    output: str = ""
    service_id: str = ""
    service_name: str = ""
    service_tags: list[str] = []
    type: str = ""
    create_index: int = 1
    modify_index: int = 1


class EntryShape(Shape, kw_only=True):
    """One instance with its node and every check that counts for it."""

    node: NodeShape
    service: ServiceShape
    checks: list[CheckShape]


class CatalogShape(Shape, kw_only=True):
    """An instance as `catalog/service` shows it, flat."""

    id: str
    node: str
    address: str
    datacenter: str
    tagged_addresses: dict[str, str]
    node_meta: dict[str, str]
    service_kind: str = ""
    service_id: str
    service_name: str
    service_tags: list[str]
    service_address: str
    service_tagged_addresses: dict[str, AddressShape]
    service_weights: WeightsShape
    service_meta: dict[str, str]
    service_port: int
    service_enable_tag_override: bool
    create_index: int
    modify_index: int


class NodeServicesShape(Shape, kw_only=True):
    """A node with everything on it, as `catalog/node` shows it."""

    node: NodeShape
    services: dict[str, ServiceShape]


class ConfigShape(Shape, kw_only=True):
    """The part of `agent/self` that tells who the agent is."""

    datacenter: str
    primary_datacenter: str
    node_name: str
    node_id: str
    server: bool
    revision: str
    version: str


class MemberShape(Shape, kw_only=True):
    """A member of the cluster; status 1 is alive."""

    name: str
    addr: str
    port: int
    tags: dict[str, str]
    status: int = 1


class SelfShape(Shape, kw_only=True):
    """What `agent/self` shows."""

    config: ConfigShape
    member: MemberShape
    meta: dict[str, str]
