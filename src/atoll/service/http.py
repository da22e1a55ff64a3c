"""A request and a reply as the inside of a service sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(slots=True, kw_only=True)
class Request:
    """One HTTP request, whole. Header names are lower-case; `path` and `query` are as they came, still encoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Reply:
    """One HTTP reply, whole."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def json_reply(value: Any, *, status: int = 200) -> Reply:
    """Return `value` as JSON."""
    return Reply(status=status, body=msgspec.json.encode(value))
