"""Export of spans by OTLP/HTTP in the background. Imported only when an endpoint is set: OpenTelemetry is heavy.

An SDK span costs 45 us and more, most of it for what we have already: ids, context, the sampling decision. So spans
are handed over finished, straight to the SDK's batch processor.
"""

from __future__ import annotations

import threading
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from atoll.core import Trace
from atoll.observability.spans import Span

_KINDS: Final = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("atoll")
GRACE: Final = 2.0
"""Seconds that closing goes on trying a collector that refuses connections."""


class OTLPExporter:
    """Sends spans to `endpoint` in batches from a thread of its own; drops the oldest when it cannot keep up."""

    def __init__(self, endpoint: str, *, service: str, instance: str, version: str, grace: float = GRACE) -> None:
        self._resource = Resource.create(
            {"service.name": service, "service.instance.id": instance, "service.version": version}
        )
        self._exporter = OTLPSpanExporter(endpoint=endpoint)
        self._processor = BatchSpanProcessor(self._exporter)
        self._grace = grace

    def record(self, span: Span, *, end: float) -> None:
        """Queue `span`, which ended at `end`, in seconds since the epoch. Never waits."""
        ended = int(end * 1e9)
        self._processor.on_end(
            ReadableSpan(
                span.name,
                context=_context(span.trace.trace_id, span.trace.span_id, remote=False),
                parent=_parent(span.trace, remote=span.kind in ("server", "consumer")),
                resource=self._resource,
                attributes={**span.attributes, **({"error.type": span.error} if span.error else {})},
                kind=_KINDS[span.kind],
                instrumentation_scope=_SCOPE,
                status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
                start_time=ended - int(span.seconds * 1e9),
                end_time=ended,
            )
        )

    def close(self) -> None:
        """Send what is queued and stop. Waits for the collector, but not long for one that is not there."""
        give_up = threading.Timer(self._grace, self._exporter.shutdown)
        give_up.daemon = True
        give_up.start()
        self._processor.shutdown()  # type: ignore[no-untyped-call]
        give_up.cancel()


def _context(trace_id: str, span_id: str, *, remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=remote, trace_flags=_SAMPLED)


def _parent(trace: Trace, *, remote: bool) -> SpanContext | None:
    return _context(trace.trace_id, trace.parent_id, remote=remote) if trace.parent_id else None
