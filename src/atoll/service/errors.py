"""Requests a service refuses before or instead of running an operation; each becomes a problem document.

Refused (of atoll.cqrs, as are Unauthenticated, Forbidden, RequestInProgress and KeyReused)
├── MalformedRequest            400  not JSON, not UTF-8, a broken header
├── Unauthenticated             401  no token where one is needed, or one that is not valid
├── Forbidden                   403  a valid token without the role that is needed
├── NotFound                    404  no such route
├── MethodNotAllowed            405  the route exists, the method does not
├── RequestInProgress           409  the same idempotency key is being worked on
├── BodyTooLarge                413
├── UnsupportedMediaType        415  a body that does not say it is JSON
├── InvalidRequest              422  well-formed, but a field has the wrong type or is missing
├── KeyReused                   422  the idempotency key was used for another request
└── NotReady                    503  starting or stopping
"""

from __future__ import annotations

from collections.abc import Mapping

from atoll.cqrs import Forbidden, KeyReused, Refused, RequestInProgress, Unauthenticated

__all__ = [
    "BodyTooLarge",
    "Forbidden",
    "InvalidRequest",
    "KeyReused",
    "MalformedRequest",
    "MethodNotAllowed",
    "NotFound",
    "NotReady",
    "Refused",
    "RequestInProgress",
    "Unauthenticated",
    "UnsupportedMediaType",
]


class MalformedRequest(Refused):
    """The request is not what HTTP and JSON allow."""

    code = "malformed"


class NotFound(Refused):
    """There is no such route or thing."""

    code = "not_found"


class MethodNotAllowed(Refused):
    """The route exists, but not with this method; `Allow` tells which."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message)
        self.headers = {"allow": allowed}


class BodyTooLarge(Refused):
    """The body is larger than the operation allows."""

    code = "too_large"
    headers: Mapping[str, str] = {"connection": "close"}


class UnsupportedMediaType(Refused):
    """The body does not say that it is JSON."""

    code = "unsupported_media_type"


class InvalidRequest(Refused):
    """`field` is the JSON path or the parameter that is wrong."""

    code = "invalid"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.fields = {"field": field} if field else {}


class NotReady(Refused):
    """The service is starting or stopping."""

    code = "unavailable"
    retryable = True
    headers: Mapping[str, str] = {"retry-after": "1"}
