"""How a route of Envoy recognises a request."""

from __future__ import annotations

from typing import Any

from atoll.gateway.paths import has_holes, pattern
from atoll.gateway.render.protobuf import Json, header_is


def match(path: str, *headers: Json, method: str = "") -> Json:
    """Return the match of a path template, of one method if given, and of requests with `headers`."""
    conditions = [*([header_is(":method", method)] if method else []), *headers]
    found: dict[str, Any] = {"safe_regex": {"regex": pattern(path)}} if has_holes(path) else {"path": path}
    return found | ({"headers": conditions} if conditions else {})
