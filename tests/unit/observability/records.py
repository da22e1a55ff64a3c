"""One record of each kind, with what a test leaves out filled in."""

from __future__ import annotations

from typing import Any

from atoll.clients.records import CallFinished
from atoll.core import Trace
from atoll.messaging.records import MessageHandled
from atoll.observability import RequestFinished
from atoll.saga.records import SagaFinished, SagaStepFinished

TRACE = Trace(trace_id="a" * 32, span_id="b" * 16, sampled=True, parent_id="c" * 16)


def request(**changes: Any) -> RequestFinished:
    usual: dict[str, Any] = {
        "service": "inventory",
        "method": "GET",
        "endpoint": "/stock/{sku}",
        "status": 200,
        "error_type": "",
        "seconds": 0.02,
        "trace": TRACE,
    }
    return RequestFinished(**(usual | changes))


def call(**changes: Any) -> CallFinished:
    usual: dict[str, Any] = {
        "contract": "inventory",
        "operation": "reserve",
        "outcome": "ok",
        "status": 200,
        "seconds": 0.02,
        "attempts": 1,
        "trace": TRACE,
    }
    return CallFinished(**(usual | changes))


def message(**changes: Any) -> MessageHandled:
    usual: dict[str, Any] = {
        "type": "shop.order.OrderPlaced.v1",
        "consumer": "audit",
        "outcome": "handled",
        "seconds": 0.02,
        "attempts": 1,
        "trace": TRACE,
    }
    return MessageHandled(**(usual | changes))


def step(**changes: Any) -> SagaStepFinished:
    usual: dict[str, Any] = {
        "saga": "checkout",
        "step": "reserve",
        "outcome": "done",
        "seconds": 0.02,
        "attempts": 1,
        "trace": TRACE,
    }
    return SagaStepFinished(**(usual | changes))


def saga(**changes: Any) -> SagaFinished:
    usual: dict[str, Any] = {"name": "checkout", "outcome": "completed", "seconds": 0.5, "trace": TRACE}
    return SagaFinished(**(usual | changes))
