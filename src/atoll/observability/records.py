"""What a server of requests tells its observers. The service package emits these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from atoll.core import Trace

UNMATCHED: Final = "(no route)"
"""The endpoint of every request that no route matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """A request's head has arrived; exactly one RequestFinished follows."""

    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """A request has been answered, or given up, after `seconds`.

    `endpoint` is the route's template (`/stock/{sku}`), never the path itself; UNMATCHED when there is none.
    `error_type` is the code of the error answered with; empty when there was none. `trace` is the request's span.
    """

    service: str
    method: str
    endpoint: str
    status: int
    error_type: str
    seconds: float
    trace: Trace
