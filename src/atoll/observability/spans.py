"""Spans made of the records that the layers below emit, named by OpenTelemetry's semantic conventions (1.44)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from atoll.clients.records import CallFinished
from atoll.core import Trace
from atoll.messaging.records import MessageHandled
from atoll.observability.methods import bounded
from atoll.observability.records import UNMATCHED, RequestFinished
from atoll.saga.records import SagaFinished, SagaStepFinished

Attributes: TypeAlias = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Work that has just ended, after `seconds`. `error` is what went wrong, empty when nothing did."""

    name: str
    kind: Literal["server", "client", "consumer", "internal"]
    trace: Trace
    seconds: float
    attributes: Attributes
    error: str = ""


def server_span(record: RequestFinished) -> Span:
    """A request served: an error only if it was ours (5xx)."""
    method, route = bounded(record.method), "" if record.endpoint == UNMATCHED else record.endpoint
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.response.status_code": record.status,
        "url.scheme": "http",
    }
    if route:
        attributes["http.route"] = route
    if record.error_type and record.status < 500:
        attributes["atoll.problem"] = record.error_type
    return Span(
        name=f"{'HTTP' if method == '_OTHER' else method} {route}".rstrip(),
        kind="server",
        trace=record.trace,
        seconds=record.seconds,
        attributes=attributes,
        error=(record.error_type or str(record.status)) if record.status >= 500 else "",
    )


def client_span(record: CallFinished, trace: Trace) -> Span:
    """A logical call with all its tries, from its caller's side."""
    attributes: dict[str, str | int] = {
        "rpc.system.name": "atoll",
        "rpc.method": f"{record.contract}/{record.operation}",
        "service.peer.name": record.contract,
    }
    if record.status:
        attributes["http.response.status_code"] = record.status
    if record.attempts > 1:
        attributes["http.request.resend_count"] = record.attempts - 1
    return Span(
        name=f"{record.contract}/{record.operation}",
        kind="client",
        trace=trace,
        seconds=record.seconds,
        attributes=attributes,
        error="" if record.outcome == "ok" else record.outcome,
    )


def message_span(record: MessageHandled, trace: Trace) -> Span:
    """One attempt of a consumer at a message; its parent is the work that emitted the message."""
    return Span(
        name=f"process {record.type}",
        kind="consumer",
        trace=trace,
        seconds=record.seconds,
        attributes={
            "messaging.system": "atoll",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": record.type,
            "messaging.consumer.group.name": record.consumer,
            "atoll.message.outcome": record.outcome,
            "atoll.attempts": record.attempts,
        },
        error=record.outcome if record.outcome in ("retried", "dead") else "",
    )


def step_span(record: SagaStepFinished, trace: Trace) -> Span:
    """A saga's step, or its undo, with all its tries."""
    undo = " undo" if record.outcome == "undone" else ""
    return Span(
        name=f"{record.saga}/{record.step}{undo}",
        kind="internal",
        trace=trace,
        seconds=record.seconds,
        attributes={
            "atoll.saga.name": record.saga,
            "atoll.saga.step": record.step,
            "atoll.saga.outcome": record.outcome,
            "atoll.attempts": record.attempts,
        },
        error=record.outcome if record.outcome in ("failed", "unknown") else "",
    )


def saga_span(record: SagaFinished, trace: Trace) -> Span:
    """A saga from its start to its end, whoever ran it."""
    return Span(
        name=f"saga {record.name}",
        kind="internal",
        trace=trace,
        seconds=record.seconds,
        attributes={"atoll.saga.name": record.name, "atoll.saga.outcome": record.outcome},
        error="" if record.outcome == "completed" else record.outcome,
    )
