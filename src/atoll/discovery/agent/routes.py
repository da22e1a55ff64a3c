"""The agent's contents page: which path and method leads to which answer or command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from atoll.discovery.agent.reads import Reading, Reads
from atoll.discovery.agent.request import Query
from atoll.discovery.agent.writes import Writes
from atoll.discovery.errors import RegistryRefused

R = TypeVar("R")

Read = Callable[[Query], Reading]
Write = Callable[[Query], None]


class WrongMethod(RegistryRefused):
    """The path is there, but only for the method `allow`."""

    def __init__(self, method: str, allow: str) -> None:
        self.allow = allow
        super().__init__(405, f"method {method} not allowed")


def find(table: Mapping[str, R], path: str) -> tuple[R, str] | None:
    """Return the entry for `path` and its argument: what follows a key that ends in `/`. None when there is none."""
    if path in table:
        return table[path], ""
    for key, entry in table.items():
        if key.endswith("/") and path.startswith(key):
            return entry, path.removeprefix(key)
    return None


def missing(method: str, path: str, *tables: tuple[str, Mapping[str, object]]) -> RegistryRefused:
    """Return the refusal of a request that no table has: a wrong method, or a path that is nowhere."""
    for allow, table in tables:
        if method != allow and find(table, path) is not None:
            return WrongMethod(method, allow)
    return RegistryRefused(404, "Invalid URL path: not a recognized HTTP API endpoint")


def read_routes(reads: Reads) -> dict[str, Read]:
    """Return what each GET answers."""
    return {
        "/v1/agent/self": reads.agent_self,
        "/v1/agent/members": reads.agent_members,
        "/v1/agent/services": reads.agent_services,
        "/v1/agent/service/": reads.agent_service,
        "/v1/agent/checks": reads.agent_checks,
        "/v1/health/service/": reads.health_service,
        "/v1/health/connect/": reads.health_none,
        "/v1/health/ingress/": reads.health_none,
        "/v1/health/checks/": reads.health_checks,
        "/v1/health/state/": reads.health_state,
        "/v1/health/node/": reads.health_node,
        "/v1/catalog/services": reads.catalog_services,
        "/v1/catalog/service/": reads.catalog_service,
        "/v1/catalog/nodes": reads.catalog_nodes,
        "/v1/catalog/node/": reads.catalog_node,
        "/v1/catalog/datacenters": reads.catalog_datacenters,
        "/v1/status/leader": reads.status_leader,
        "/v1/status/peers": reads.status_peers,
    }


def write_routes(writes: Writes) -> dict[str, Write]:
    """Return what each PUT does."""
    return {
        "/v1/agent/service/register": writes.register_service,
        "/v1/agent/service/deregister/": writes.deregister_service,
        "/v1/agent/service/maintenance/": writes.maintain_service,
        "/v1/agent/maintenance": writes.maintain_node,
        "/v1/agent/check/register": writes.register_check,
        "/v1/agent/check/deregister/": writes.deregister_check,
        "/v1/agent/check/pass/": writes.pass_check,
        "/v1/agent/check/warn/": writes.warn_check,
        "/v1/agent/check/fail/": writes.fail_check,
        "/v1/agent/check/update/": writes.update_check,
    }
