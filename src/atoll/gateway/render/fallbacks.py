"""What the gateway answers itself: its pages, preflights, OPTIONS, a wrong method, an unknown path."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from atoll.gateway.paths import canonical, covers, precedence
from atoll.gateway.policy import READY_PATH, Cors
from atoll.gateway.render.matching import match
from atoll.gateway.render.names import CORS
from atoll.gateway.render.protobuf import Json, header, header_present, typed
from atoll.gateway.snapshot import Page, Route, Snapshot


def unknown_path(cors: Cors | None) -> Json:
    """Return the route that matches everything, and must be the last."""
    refusal = {"name": "unknown path", "match": {"prefix": "/"}, "direct_response": {"status": 404}}
    return refusal | {"response_headers_to_add": _readable(cors)}


def page_routes(page: Page) -> list[Json]:
    """Return the routes of a page, for GET and HEAD."""
    body = {"inline_bytes": base64.b64encode(page.body).decode()}
    return [
        {
            "name": page.path,
            "match": match(page.path, method=method),
            "direct_response": {"status": 200, "body": body},
            "response_headers_to_add": [header("content-type", page.content_type)],
        }
        for method in ("GET", "HEAD")
    ]


def other_methods(snapshot: Snapshot) -> list[Json]:
    """Return, for every known path, the routes for methods that no operation has."""
    cors = snapshot.gateway.cors
    routes: list[Json] = []
    for path, service in _operation_paths(snapshot.routes):
        allowed = _methods(path, snapshot.routes)
        if cors:
            routes.append(_preflight(path, service, allowed, cors))
        routes += _refusals(path, allowed, cors)
    for path in [*(page.path for page in snapshot.pages), READY_PATH]:
        routes += _refusals(path, ["GET", "HEAD"], cors)
    return routes


def cors_policy(cors: Cors, methods: Sequence[str]) -> Json:
    """Return the CORS policy that lets pages of the listed origins use `methods`."""
    return typed(
        "filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in cors.origins],
        allow_methods=", ".join(methods),
        allow_headers=", ".join(cors.headers),
        expose_headers=", ".join(cors.expose),
        max_age=str(cors.max_age),
        allow_credentials=cors.credentials,
        forward_not_matching_preflights=False,
    )


def _operation_paths(routes: Sequence[Route]) -> list[tuple[str, str]]:
    first: dict[str, tuple[str, str]] = {}
    for route in routes:
        first.setdefault(canonical(route.path), (route.path, route.service))
    return sorted(first.values(), key=lambda each: precedence(each[0]))


def _methods(path: str, routes: Sequence[Route]) -> list[str]:
    return sorted({route.method for route in routes if covers(route.path, path)})


def _preflight(path: str, service: str, allowed: Sequence[str], cors: Cors) -> Json:
    # The CORS filter answers, so the service never sees it; but the filter asks for a route to a service.
    asked = (header_present("origin"), header_present("access-control-request-method"))
    return {
        "name": f"preflight {path}",
        "match": match(path, *asked, method="OPTIONS"),
        "route": {"cluster": service},
        "typed_per_filter_config": {CORS: cors_policy(cors, allowed)},
    }


def _refusals(path: str, allowed: Sequence[str], cors: Cors | None) -> list[Json]:
    headers = [header("allow", ", ".join(allowed)), *_readable(cors)]
    return [
        {
            "name": f"{what} {path}",
            "match": match(path, method=method),
            "direct_response": {"status": status},
            "response_headers_to_add": headers,
        }
        for what, method, status in (("options", "OPTIONS", 204), ("wrong method", "", 405))
    ]


def _readable(cors: Cors | None) -> list[Json]:
    # The CORS filter passes over what Envoy answers itself, and a page would learn nothing but that it failed.
    if cors is None:
        return []
    known = ", ".join(f"'{origin}'" for origin in cors.origins)
    origin = f"%CEL(request.headers['origin'] in [{known}] ? request.headers['origin'] : '')%"
    return [header("access-control-allow-origin", origin)]
