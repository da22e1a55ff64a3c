"""Header rules of the edge: what is not believed from outside, and what every response carries.

Security headers: OWASP REST Security and HTTP Headers cheat sheets. `RateLimit` and `RateLimit-Policy`: IETF
draft "RateLimit header fields for HTTP", as structured fields; Envoy itself knows only an older draft, from
whose `x-ratelimit-*` the values are taken.
"""

from __future__ import annotations

from typing import Final

from atoll.gateway.policy import Gateway
from atoll.gateway.render.names import METADATA
from atoll.gateway.render.protobuf import Json, extension, header

_FORWARDED: Final = ("x-forwarded-for", "x-forwarded-proto")
_SPOOFABLE: Final = (
    "baggage",
    "forwarded",
    "proxy",
    "true-client-ip",
    "x-client-ip",
    "x-http-method-override",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
)
_INTERNAL: Final = ("x-atoll-", "x-envoy-")

_SECURITY: Final = {
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

_LIMITED: Final = "'x-ratelimit-remaining' in response.headers"
_REMAINING: Final = (
    f"""%CEL({_LIMITED} ? '"caller";r=' : '')%%RESPONSE_HEADER(x-ratelimit-remaining)%"""
    f"""%CEL({_LIMITED} ? ';t=' : '')%%RESPONSE_HEADER(x-ratelimit-reset)%"""
)
# One second more than Envoy says, because it rounds down.
_RETRY_AFTER: Final = f"%CEL(response.code == 429 && {_LIMITED} ? int(response.headers['x-ratelimit-reset']) + 1 : '')%"


def untrusted(gateway: Gateway) -> Json:
    """Return the extension that drops, before anything else looks, what only insiders may say."""
    names = _SPOOFABLE if gateway.trusted_hops else (*_FORWARDED, *_SPOOFABLE)
    removals: list[Json] = [{"remove": name} for name in names]
    removals += [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in _INTERNAL]
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=removals,
    )


def response_filter(gateway: Gateway) -> Json:
    """Return the filter that finishes every response, Envoy's own errors included. It must be the first."""
    mutations = [_set(name, value) for name, value in _SECURITY.items()]
    mutations.append(_set("cache-control", "no-store", action="ADD_IF_ABSENT"))
    if gateway.cors:
        mutations.append(_set("vary", "Origin", action="APPEND_IF_EXISTS_OR_ADD"))
    mutations += [
        _set("ratelimit-policy", f"%METADATA(ROUTE:{METADATA}:policy)%"),
        _set("ratelimit", _REMAINING),
        _set("retry-after", _RETRY_AFTER, action="ADD_IF_ABSENT"),
        *({"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in ("x-ratelimit-", "x-envoy-")),
        {"remove": "x-powered-by"},
    ]
    return extension(
        "envoy.filters.http.header_mutation",
        "filters.http.header_mutation.v3.HeaderMutation",
        mutations={"response_mutations": mutations},
    )


def _set(name: str, value: str, *, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    return {"append": header(name, value, action=action)}
