"""Which records become spans: those of sampled work, and only where there is an endpoint to send them to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from atoll.clients.records import CallFinished
from atoll.core import Clock, Hooks, SettingsError, Trace
from atoll.messaging.records import MessageHandled
from atoll.observability.records import RequestFinished
from atoll.observability.spans import Span, client_span, message_span, saga_span, server_span, step_span
from atoll.saga.records import SagaFinished, SagaStepFinished


class _Traced(Protocol):
    @property
    def trace(self) -> Trace | None: ...


R = TypeVar("R", bound=_Traced)


class SpanExporter(Protocol):
    """Where finished spans go."""

    def record(self, span: Span, *, end: float) -> None:
        """Take `span`, which ended at `end` (seconds since the epoch), without waiting."""
        ...

    def close(self) -> None:
        """Send what is left; may block."""
        ...


class Tracing:
    """Turns the records of sampled work into spans. A record without a trace, or of unsampled work, costs nothing."""

    def __init__(self, exporter: SpanExporter, clock: Clock) -> None:
        self._exporter, self._clock = exporter, clock

    def subscribe(self, hooks: Hooks) -> None:
        """Make spans of what `hooks` emits from now on."""
        self._on(hooks, RequestFinished, lambda record, _: server_span(record))
        self._on(hooks, CallFinished, client_span)
        self._on(hooks, MessageHandled, message_span)
        self._on(hooks, SagaStepFinished, step_span)
        self._on(hooks, SagaFinished, saga_span)

    async def close(self) -> None:
        """Send what is left, in a worker thread."""
        await asyncio.to_thread(self._exporter.close)

    def _on(self, hooks: Hooks, kind: type[R], make: Callable[[R, Trace], Span]) -> None:
        def observe(record: R) -> None:
            if (trace := record.trace) is not None and trace.sampled:
                self._exporter.record(make(record, trace), end=self._clock.now())

        hooks.on(kind, observe)


def otlp_exporter(endpoint: str, *, service: str, instance: str, version: str) -> SpanExporter:
    """Return an exporter to `endpoint`. Raises SettingsError when OpenTelemetry is not installed."""
    try:
        from atoll.observability.otlp import OTLPExporter
    except ImportError as error:
        raise SettingsError(
            ["an OTLP endpoint is set, but the exporter is not installed; run `pip install 'atoll[otel]'`"]
        ) from error
    return OTLPExporter(endpoint, service=service, instance=instance, version=version)
