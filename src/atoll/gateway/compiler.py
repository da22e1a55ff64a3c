"""Compiles contracts and policy into a snapshot, and refuses one that could not work. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from atoll.contracts import ContractSpec, Operation
from atoll.gateway.errors import RouteClash, UnknownReference
from atoll.gateway.paths import canonical, precedence
from atoll.gateway.policy import READY_PATH, Gateway
from atoll.gateway.snapshot import Limit, Page, Route, Snapshot

SHARED: Final = "*"
"""The name of the allowance that operations without a limit of their own share."""


def compile_routes(
    contracts: Sequence[ContractSpec],
    gateway: Gateway,
    *,
    static_responses: Mapping[str, tuple[str, bytes]] | None = None,
) -> Snapshot:
    """Return the checked snapshot of the public operations of `contracts` under the policy of `gateway`.

    `static_responses` maps a path to the content type and the body that the gateway answers GET with itself.
    The same input gives the same snapshot, whatever the order of `contracts`. Raises RouteClash and
    UnknownReference.
    """
    public = [each for contract in contracts for each in contract.operations if each.public]
    pages = [
        Page(path=path, content_type=content_type, body=body)
        for path, (content_type, body) in sorted((static_responses or {}).items())
    ]
    _refuse_clashes(public, pages)
    snapshot = Snapshot(
        gateway=gateway,
        services=tuple(sorted(contract.name for contract in contracts)),
        routes=tuple(sorted((_route(each, gateway) for each in public), key=_order)),
        pages=tuple(pages),
    )
    check(snapshot)
    return snapshot


def check(snapshot: Snapshot) -> None:
    """Raise UnknownReference when `snapshot` refers to a service or a policy that is not there."""
    _check_keys(snapshot)
    for route in snapshot.routes:
        if route.service not in snapshot.services:
            raise UnknownReference(_no_service(f"the route of {route.operation} leads to", route.service, snapshot))
        if route.token and snapshot.gateway.jwt is None:
            raise UnknownReference(
                f"{route.operation} needs a token, but the gateway cannot verify one; "
                "give Gateway(jwt=Jwt(...)) or declare the operation anonymous=True"
            )


def _check_keys(snapshot: Snapshot) -> None:
    jwt = snapshot.gateway.jwt
    if jwt is not None and jwt.service not in snapshot.services:
        raise UnknownReference(_no_service("Gateway(jwt=Jwt(service=...)) names", jwt.service, snapshot))


def _no_service(what: str, name: str, snapshot: Snapshot) -> str:
    known = ", ".join(snapshot.services) or "none"
    return f"{what} the service {name!r}, which this system does not have; it has: {known}"


def _route(operation: Operation, gateway: Gateway) -> Route:
    return Route(
        operation=operation.id,
        service=operation.contract,
        method=operation.method,
        path=operation.path,
        token=not operation.anonymous or bool(operation.roles),
        roles=operation.roles,
        limit=_limit(operation, gateway),
        timeout=min(operation.timeout, gateway.timeout),
        max_body=min(operation.max_body, gateway.max_body),
        safe=operation.kind == "query",
    )


def _limit(operation: Operation, gateway: Gateway) -> Limit | None:
    if operation.limit is not None:
        return Limit(name=operation.id, rate=operation.limit)
    return None if gateway.limit is None else Limit(name=SHARED, rate=gateway.limit)


def _order(route: Route) -> tuple[object, ...]:
    return precedence(route.path), route.method


def _refuse_clashes(operations: Iterable[Operation], pages: Iterable[Page]) -> None:
    owners = {("GET", READY_PATH): "the gateway's readiness"}
    wanted = [("GET", page.path, f"the page {page.path}") for page in pages]
    wanted += [(each.method, each.path, each.id) for each in operations]
    for method, path, owner in wanted:
        other = owners.setdefault((method, canonical(path)), owner)
        if other != owner:
            raise RouteClash(f"{method} {path}", other, owner)
