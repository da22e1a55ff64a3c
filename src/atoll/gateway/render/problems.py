"""Envoy's own errors as problem documents (RFC 9457) with words a person can act on.

The replies of services pass unchanged. Texts are our own: Envoy's details would tell the names of policies.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NamedTuple

from atoll.gateway.render.protobuf import Json, extension, header


class _Error(NamedTuple):
    status: int
    code: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    uri: str = "about:blank"


_RETRY_SOON: Final = (("retry-after", "1"),)
_QUOTA: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"

_ERRORS: Final = (
    _Error(400, "malformed", "The request is not valid HTTP, or one of its headers or its path is not allowed."),
    _Error(401, "unauthenticated", "A valid access token is needed: send it as 'Authorization: Bearer <token>'."),
    _Error(403, "forbidden", "Your token does not hold a role that may do this."),
    _Error(404, "not_found", "There is nothing at this path."),
    _Error(405, "method_not_allowed", "This path does not have that method; Allow lists those it has."),
    _Error(408, "request_timeout", "The request did not arrive whole in time."),
    _Error(413, "too_large", "The body is larger than this operation takes."),
    _Error(426, "upgrade_required", "Use HTTP/1.1 or HTTP/2.", (("upgrade", "HTTP/1.1"),)),
    _Error(429, "rate_limited", "Too many requests: wait as many seconds as Retry-After says.", uri=_QUOTA),
    _Error(431, "headers_too_large", "The headers are larger than the gateway takes."),
    _Error(500, "internal", "The gateway failed to handle the request."),
    _Error(502, "bad_gateway", "The service answered with something that is not HTTP.", _RETRY_SOON),
    _Error(503, "unavailable", "The service cannot be reached just now; try again.", _RETRY_SOON),
    _Error(504, "deadline_exceeded", "The service did not answer in time; what was asked may still happen."),
)

# Envoy answers 403 for the wrong audience, but a token that is not for us proves nothing (RFC 6750 §3.1).
_WRONG_AUDIENCE: Final = _Error(
    401,
    "unauthenticated",
    "The access token is meant for another audience.",
    (("www-authenticate", 'Bearer error="invalid_token"'),),
)
# Envoy answers 401 when it has no keys, but that is no fault of the token: clients must not throw it away.
_NO_KEYS: Final = _Error(
    503,
    "unavailable",
    "Access tokens cannot be verified just now; try again.",
    (*_RETRY_SOON, ("www-authenticate", "Bearer")),
)


def local_replies() -> Json:
    """Return the table of local replies, the first match wins."""
    special = [
        _mapper(_details_hold("Jwks_remote_fetch_is_failed"), _NO_KEYS),
        _mapper(_details_hold("Audiences_in_Jwt_are_not_allowed"), _WRONG_AUDIENCE),
    ]
    return {"mappers": [*special, *(_mapper(_status("EQ", each.status), each) for each in _ERRORS), _anything_else()]}


def _mapper(match: Json, error: _Error) -> Json:
    document = {
        "type": error.uri,
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    return {
        "filter": match,
        "status_code": error.status,
        "body_format_override": {"json_format": document, "content_type": "application/problem+json"},
        "headers_to_add": [header(name, value) for name, value in error.headers],
    }


def _anything_else() -> Json:
    document = {"type": "about:blank", "title": "Error", "status": "%RESPONSE_CODE%", "code": "internal"}
    return {
        "filter": _status("GE", 400),
        "body_format_override": {"json_format": document, "content_type": "application/problem+json"},
    }


def _status(comparison: str, status: int) -> Json:
    # Envoy asks for a runtime key; nobody sets this one.
    value = {"default_value": status, "runtime_key": "atoll.unused"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _details_hold(text: str) -> Json:
    return {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            "access_loggers.filters.cel.v3.ExpressionFilter",
            expression=f"response.code_details.contains('{text}')",
        )
    }
