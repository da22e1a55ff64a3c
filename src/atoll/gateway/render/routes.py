"""The route table. Order: the gateway's pages; the operations, literal paths first; then what refuses the rest."""

from __future__ import annotations

from typing import Final

from atoll.gateway.render.fallbacks import cors_policy, other_methods, page_routes, unknown_path
from atoll.gateway.render.names import CORS, ROUTES, SUBJECT_HEADER
from atoll.gateway.render.operations import operation_routes
from atoll.gateway.render.protobuf import Json, resource
from atoll.gateway.snapshot import Snapshot

_METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")


def route_table(snapshot: Snapshot) -> Json:
    """Return the route configuration of everything the gateway serves."""
    return resource(
        "route.v3.RouteConfiguration",
        name=ROUTES,
        virtual_hosts=[_virtual_host(snapshot)],
        request_headers_to_remove=[SUBJECT_HEADER, "x-envoy-internal", "x-envoy-external-address"],
        max_direct_response_body_size_bytes=max([4096, *(len(page.body) for page in snapshot.pages)]),
    )


def _virtual_host(snapshot: Snapshot) -> Json:
    gateway = snapshot.gateway
    routes = [
        *(each for page in snapshot.pages for each in page_routes(page)),
        *(each for route in snapshot.routes for each in operation_routes(route, gateway.jwt)),
        *other_methods(snapshot),
        unknown_path(gateway.cors),
    ]
    filters = {CORS: cors_policy(gateway.cors, _METHODS)} if gateway.cors else {}
    return {"name": "everyone", "domains": ["*"], "routes": routes, "typed_per_filter_config": filters}
