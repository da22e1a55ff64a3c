"""The routes of one operation, with its token, roles, limit, body bound, timeout and retries."""

from __future__ import annotations

from typing import Any, Final

from atoll.core.context import IDEMPOTENCY_HEADER
from atoll.gateway.policy import Jwt
from atoll.gateway.render.limits import policy
from atoll.gateway.render.matching import match
from atoll.gateway.render.names import BUFFER, CLAIMS, JWT, METADATA, RBAC, TOKEN_OPTIONAL, TOKEN_REQUIRED
from atoll.gateway.render.protobuf import Json, extension, header_present, seconds, typed
from atoll.gateway.snapshot import Route

_UNSENT: Final = "connect-failure,refused-stream,reset-before-request"
_REPEATABLE: Final = f"{_UNSENT},reset,retriable-status-codes"


def operation_routes(route: Route, jwt: Jwt | None) -> list[Json]:
    """Return the routes of an operation.

    A command has two: with an idempotency key it may be repeated after it was sent, without one it may not.
    """
    if route.safe:
        return [_route(route, jwt, match(route.path, method=route.method), _REPEATABLE)]
    keyed = match(route.path, header_present(IDEMPOTENCY_HEADER), method=route.method)
    return [
        _route(route, jwt, keyed, _REPEATABLE),
        _route(route, jwt, match(route.path, method=route.method), _UNSENT),
    ]


def _route(route: Route, jwt: Jwt | None, matched: Json, retry_on: str) -> Json:
    return {
        "name": route.operation,
        "match": matched,
        "route": {
            "cluster": route.service,
            "timeout": seconds(route.timeout),
            "retry_policy": _retry(retry_on),
        },
        "metadata": {"filter_metadata": {METADATA: _facts(route)}},
        "typed_per_filter_config": _filters(route, jwt),
    }


def _facts(route: Route) -> Json:
    facts = {"operation": route.operation}
    if route.limit:
        facts |= {"limit": route.limit.name, "policy": policy(route.limit.rate)}
    return facts


def _filters(route: Route, jwt: Jwt | None) -> dict[str, Any]:
    # A buffer of no bytes is not to be had.
    filters = {BUFFER: typed("filters.http.buffer.v3.BufferPerRoute", buffer=_buffer(max(1, route.max_body)))}
    if jwt is not None:
        name = TOKEN_REQUIRED if route.token else TOKEN_OPTIONAL
        filters[JWT] = typed("filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=name)
        if route.roles:
            filters[RBAC] = typed("filters.http.rbac.v3.RBACPerRoute", rbac={"rules": _role_rules(route, jwt)})
    return filters


def _buffer(size: int) -> Json:
    return {"max_request_bytes": size}


def _role_rules(route: Route, jwt: Jwt) -> Json:
    holders = [_holder(jwt, role) for role in route.roles]
    return {"action": "ALLOW", "policies": {"roles": {"permissions": [{"any": True}], "principals": holders}}}


def _holder(jwt: Jwt, role: str) -> Json:
    claim = {
        "filter": JWT,
        "path": [{"key": CLAIMS}, {"key": jwt.roles}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": role}}}},
    }
    return {"sourced_metadata": {"metadata_matcher": claim, "metadata_source": "DYNAMIC"}}


def _retry(retry_on: str) -> Json:
    elsewhere = extension(
        "envoy.retry_host_predicates.previous_hosts", "retry.host.previous_hosts.v3.PreviousHostsPredicate"
    )
    return {
        "retry_on": retry_on,
        "retriable_status_codes": [503],
        "num_retries": 2,
        "retry_back_off": {"base_interval": seconds(0.025), "max_interval": seconds(0.25)},
        "retry_host_predicate": [elsewhere],
        # Instances are drawn by lot, so a few draws may hit the one that has failed.
        "host_selection_retry_max_attempts": 10,
    }
