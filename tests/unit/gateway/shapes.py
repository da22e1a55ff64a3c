"""Operations, contracts and requests made from little, and Envoy's way of choosing a route, in Python."""

from __future__ import annotations

import re
from typing import Any, Protocol

import msgspec

from atoll.contracts import ContractSpec, Operation
from atoll.gateway import Gateway, Jwt, Snapshot, compile_routes
from atoll.gateway.render.routes import route_table

JWT = Jwt(issuer="https://auth.test", audience="shop")
OPEN = Gateway(limit=None)
GUARDED = Gateway(jwt=JWT)


def operation(route: str, *, contract: str = "shop", **fields: Any) -> Operation:
    """A public, anonymous operation at `route` unless `fields` say otherwise."""
    method, path = route.split(" ")
    defaults: dict[str, Any] = {
        "contract": contract,
        "name": re.sub(r"\W+", "_", route).lower(),
        "kind": "query" if method == "GET" else "command",
        "parameters": (),
        "result": None,
        "status": 200,
        "public": True,
        "anonymous": True,
    }
    return Operation(method=method, path=path, **(defaults | fields))


def spec(name: str, *operations: Operation) -> ContractSpec:
    return ContractSpec(name=name, protocol=Protocol, operations=operations)


def compiled(*routes: str, policy: Gateway = OPEN, **fields: Any) -> Snapshot:
    """The snapshot of a system with the one service `shop`."""
    operations = [operation(route, **fields) for route in routes]
    return compile_routes([spec("shop", *operations), spec("auth")], policy)


def envoy_routes(snapshot: Snapshot) -> list[dict[str, Any]]:
    table = msgspec.json.decode(msgspec.json.encode(route_table(snapshot)))
    routes: list[dict[str, Any]] = table["virtual_hosts"][0]["routes"]
    return routes


def choose(snapshot: Snapshot, request: str, **headers: str) -> dict[str, Any]:
    """The first route that matches `METHOD /path` and `headers` (with '_' for '-'), as Envoy goes through them."""
    method, path = request.split(" ")
    sent = {":method": method} | {name.replace("_", "-"): value for name, value in headers.items()}
    return next(route for route in envoy_routes(snapshot) if _matches(route["match"], path, sent))


def _matches(match: dict[str, Any], path: str, headers: dict[str, str]) -> bool:
    return _path_matches(match, path) and all(
        condition["name"] in headers
        if "present_match" in condition
        else headers.get(condition["name"]) == condition["string_match"]["exact"]
        for condition in match.get("headers", ())
    )


def _path_matches(match: dict[str, Any], path: str) -> bool:
    if "prefix" in match:
        return path.startswith(match["prefix"])
    if "path" in match:
        return bool(path == match["path"])
    return re.fullmatch(match["safe_regex"]["regex"], path) is not None
