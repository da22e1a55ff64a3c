"""The HTTP methods that may stand in a label: a caller must not be able to make new ones."""

from __future__ import annotations

from typing import Final

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "CONNECT", "TRACE"})


def bounded(method: str) -> str:
    """Return `method`, or `_OTHER` for one that HTTP does not know (OpenTelemetry `http.request.method`)."""
    return method if method in _METHODS else "_OTHER"
