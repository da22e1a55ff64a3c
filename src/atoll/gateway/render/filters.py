"""The chain of HTTP filters, read from top to bottom; responses pass it from bottom to top."""

from __future__ import annotations

from typing import Final

from atoll.gateway.policy import READY_PATH, Jwt
from atoll.gateway.render.headers import response_filter
from atoll.gateway.render.limits import limit_filter
from atoll.gateway.render.names import BUFFER, CLAIMS, CORS, JWT, RBAC, SUBJECT_HEADER, TOKEN_OPTIONAL, TOKEN_REQUIRED
from atoll.gateway.render.protobuf import Json, extension, seconds
from atoll.gateway.snapshot import Snapshot

_CACHED_TOKENS: Final = 10_000
_PROVIDER: Final = "main"


def http_filters(snapshot: Snapshot) -> list[Json]:
    """Return the filters of every request: who may ask is settled before limits, and those before the body is read."""
    gateway = snapshot.gateway
    chain = [
        response_filter(gateway),
        extension(CORS, "filters.http.cors.v3.Cors"),
        _readiness(),
        token_filter(gateway.jwt) if gateway.jwt else None,
        extension(RBAC, "filters.http.rbac.v3.RBAC"),
        limit_filter(snapshot),
        extension(BUFFER, "filters.http.buffer.v3.Buffer", max_request_bytes=gateway.max_body),
        extension("envoy.filters.http.router", "filters.http.router.v3.Router"),
    ]
    return [each for each in chain if each is not None]


def token_filter(jwt: Jwt) -> Json:
    """Return the filter that verifies tokens. Routes say whether one is required; a verified one is remembered."""
    either: list[Json] = [{"provider_name": _PROVIDER}, {"allow_missing_or_failed": {}}]
    return extension(
        JWT,
        "filters.http.jwt_authn.v3.JwtAuthentication",
        bypass_cors_preflight=True,
        providers={_PROVIDER: _provider(jwt)},
        requirement_map={
            TOKEN_REQUIRED: {"provider_name": _PROVIDER},
            TOKEN_OPTIONAL: {"requires_any": {"requirements": either}},
        },
    )


def _provider(jwt: Jwt) -> Json:
    return {
        "issuer": jwt.issuer,
        "audiences": [jwt.audience],
        "require_expiration": True,
        "clock_skew_seconds": jwt.leeway,
        # Named here, the header is the only place: Envoy would also take a token from the query, where logs see it.
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "forward": True,
        "payload_in_metadata": CLAIMS,
        "claim_to_headers": [{"header_name": SUBJECT_HEADER, "claim_name": "sub"}],
        "jwt_cache_config": {"jwt_cache_size": _CACHED_TOKENS},
        "remote_jwks": {
            "http_uri": {
                "uri": f"http://{jwt.service}{jwt.jwks_path}",
                "cluster": jwt.service,
                "timeout": seconds(1),
            },
            "cache_duration": seconds(jwt.refresh),
            "async_fetch": {"failed_refetch_duration": seconds(1)},
        },
    }


def _readiness() -> Json:
    return extension(
        "envoy.filters.http.health_check",
        "filters.http.health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[
            {"name": ":path", "string_match": {"safe_regex": {"regex": rf"{READY_PATH}(\?.*)?"}}},
            {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}},
        ],
    )
