"""What the registry agent knows: its node, the services registered there, and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal

Status = Literal["passing", "warning", "critical"]
Kind = Literal["http", "tcp", "ttl", "mark"]
"""How a check's status comes about: probed by HTTP or TCP, reported within a time to live, or set by hand."""

SERF_HEALTH: Final = "serfHealth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The one node of this agent, as Consul's API shows it."""

    id: str
    name: str
    address: str
    datacenter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDefinition:
    """A check as it was registered. Times are in seconds; `deregister_after` is 0 for never."""

    id: str
    name: str
    kind: Kind
    notes: str = ""
    status: Status = "critical"
    target: str = ""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    verify: bool = True
    interval: float = 10.0
    timeout: float = 10.0
    ttl: float = 0.0
    deregister_after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAddress:
    """An address of a service under another name, such as `lan` or `wan`."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition:
    """A service instance as it was registered; `weights` are those of its passing and its warning state."""

    id: str
    name: str
    address: str = ""
    port: int = 0
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
    weights: tuple[int, int] = (1, 1)
    tagged_addresses: Mapping[str, ServiceAddress] = field(default_factory=dict[str, ServiceAddress])
    enable_tag_override: bool = False
    checks: tuple[CheckDefinition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A registered instance and the indexes at which it came and last changed."""

    definition: ServiceDefinition
    create_index: int
    modify_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check as it stands: since when (monotonic seconds) it has its status, and when a report is due.

    `service_id` is empty for a check of the node. `halted`: what it probed is known to be gone.
    """

    definition: CheckDefinition
    service_id: str
    status: Status
    since: float
    create_index: int
    modify_index: int
    output: str = ""
    due: float = inf
    halted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one probe found: the status it means and a text for people."""

    status: Status
    output: str
