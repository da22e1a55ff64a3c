"""Prometheus metrics of one service, counted from the records that the layers below emit.

The four HTTP metrics have the names of the pattern guide, with the buckets of OpenTelemetry's semantic
conventions; each other pattern's begin with `atoll_`. Every label is bounded: route templates, names that stand in
code, outcomes.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from atoll.clients.records import CallFinished
from atoll.core import Hooks
from atoll.messaging.records import BrokerForgot, MessageHandled, MessagePublished, OutboxLag
from atoll.observability.methods import bounded
from atoll.observability.records import RequestFinished, RequestStarted
from atoll.projections.records import EventsProjected, ProjectionFailed, ProjectionLag
from atoll.saga.records import SagaFinished, SagaStepFinished
from atoll.storage.records import TransactionFinished

M = TypeVar("M", Counter, Histogram)

_REQUEST: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_LOCAL: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SAGA: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class _Children(dict[tuple[str, ...], M], Generic[M]):
    """A metric's children by their label values, each looked up in prometheus_client once (2 us instead of 5)."""

    def __init__(self, metric: M) -> None:
        super().__init__()
        self._metric: M = metric

    def __missing__(self, labels: tuple[str, ...]) -> M:
        child: M = self._metric.labels(*labels)
        self[labels] = child
        return child


class Metrics:
    """Counts what hooks tell in `registry`, which belongs to one service and holds its own metrics too."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self.registry = registry
        registry.set_target_info({"service_name": service})
        ProcessCollector(registry=registry)
        self._http = _HTTPMetrics(registry)
        self._patterns = _PatternMetrics(registry)

    def subscribe(self, hooks: Hooks) -> None:
        """Count every record that `hooks` emits from now on."""
        self._http.subscribe(hooks)
        self._patterns.subscribe(hooks)

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return the content type and body of `/metrics`, in the form that the Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)


class _HTTPMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        of_answer, of_error = ("method", "endpoint", "status"), ("method", "endpoint", "error_type")
        self._duration = _Children(
            Histogram(
                "http_request_duration_seconds",
                "HTTP request duration in seconds",
                of_answer,
                buckets=_REQUEST,
                registry=registry,
            )
        )
        self._requests = _Children(
            Counter("http_requests_total", "Total number of HTTP requests", of_answer, registry=registry)
        )
        self._errors = _Children(
            Counter("http_errors_total", "Total number of HTTP errors", of_error, registry=registry)
        )
        self._active = Gauge("active_connections", "Requests being served, each on its connection", registry=registry)

    def subscribe(self, hooks: Hooks) -> None:
        hooks.on(RequestStarted, lambda _: self._active.inc())
        hooks.on(RequestFinished, self._finished)

    def _finished(self, record: RequestFinished) -> None:
        method, endpoint, status = bounded(record.method), record.endpoint, str(record.status)
        self._active.dec()
        self._duration[method, endpoint, status].observe(record.seconds)
        self._requests[method, endpoint, status].inc()
        if record.error_type or record.status >= 400:
            self._errors[method, endpoint, record.error_type or status].inc()


class _PatternMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        def seconds(name: str, doc: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> _Children[Histogram]:
            metric = Histogram(f"atoll_{name}_duration_seconds", doc, labels, buckets=buckets, registry=registry)
            return _Children(metric)

        def total(name: str, doc: str, labels: tuple[str, ...]) -> _Children[Counter]:
            return _Children(Counter(f"atoll_{name}_total", doc, labels, registry=registry))

        self._call = seconds("client_call", "Calls to other services", ("contract", "operation", "outcome"), _REQUEST)
        self._attempts = total("client_call_attempts", "Tries of calls", ("contract", "operation"))
        self._published = seconds("message_publish", "Messages confirmed by the broker", ("type",), _LOCAL)
        self._losses = Counter("atoll_broker_losses_total", "Losses of the broker's store", registry=registry)
        self._refilled = Counter("atoll_messages_refilled_total", "Messages published again for it", registry=registry)
        self._lag_messages = Gauge("atoll_outbox_lag_messages", "Messages the broker lacks", registry=registry)
        self._lag_seconds = Gauge("atoll_outbox_lag_seconds", "Seconds since the oldest was emitted", registry=registry)
        self._handled = seconds("message_handling", "Attempts at messages", ("type", "consumer", "outcome"), _REQUEST)
        self._transaction = seconds("transaction", "Units of work", ("outcome",), _LOCAL)
        self._saga = seconds("saga", "Sagas that ended", ("saga", "outcome"), _SAGA)
        self._step = seconds("saga_step", "Saga steps that ended", ("saga", "step", "outcome"), _REQUEST)
        self._step_attempts = total("saga_step_attempts", "Tries of saga steps", ("saga", "step"))
        self._projections = _ProjectionMetrics(registry)

    def subscribe(self, hooks: Hooks) -> None:
        hooks.on(CallFinished, self._on_call)
        hooks.on(MessagePublished, lambda each: self._published[each.type,].observe(each.seconds))
        hooks.on(BrokerForgot, self._on_loss)
        hooks.on(OutboxLag, self._on_lag)
        hooks.on(MessageHandled, self._on_message)
        hooks.on(TransactionFinished, lambda each: self._transaction[each.outcome,].observe(each.seconds))
        hooks.on(SagaFinished, lambda each: self._saga[each.name, each.outcome].observe(each.seconds))
        hooks.on(SagaStepFinished, self._on_step)
        self._projections.subscribe(hooks)

    def _on_call(self, record: CallFinished) -> None:
        self._call[record.contract, record.operation, record.outcome].observe(record.seconds)
        self._attempts[record.contract, record.operation].inc(record.attempts)

    def _on_loss(self, record: BrokerForgot) -> None:
        self._losses.inc()
        self._refilled.inc(record.messages)

    def _on_lag(self, record: OutboxLag) -> None:
        self._lag_messages.set(record.messages)
        self._lag_seconds.set(record.seconds)

    def _on_message(self, record: MessageHandled) -> None:
        self._handled[record.type, record.consumer, record.outcome].observe(record.seconds)

    def _on_step(self, record: SagaStepFinished) -> None:
        self._step[record.saga, record.step, record.outcome].observe(record.seconds)
        self._step_attempts[record.saga, record.step].inc(record.attempts)


class _ProjectionMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, doc: str) -> Gauge:
            return Gauge(f"atoll_projection_{name}", doc, ("projection",), registry=registry)

        labels = ("projection",)
        self._events = _Children(
            Counter("atoll_projection_events_total", "Events projected", labels, registry=registry)
        )
        self._failures = _Children(
            Counter("atoll_projection_failures_total", "Events that failed", (*labels, "outcome"), registry=registry)
        )
        self._batches = _Children(
            Histogram(
                "atoll_projection_batch_duration_seconds",
                "Transactions of projections",
                labels,
                buckets=_LOCAL,
                registry=registry,
            )
        )
        self._lag_events = gauge("lag_events", "Events a view does not include yet, up to 1000")
        self._lag_seconds = gauge("lag_seconds", "Seconds since the oldest of them was appended")
        self._parked = gauge("parked_events", "Events that were put aside")
        self._stopped = gauge("stopped", "1 while an event keeps the projection from going on")

    def subscribe(self, hooks: Hooks) -> None:
        hooks.on(EventsProjected, self._on_events)
        hooks.on(ProjectionFailed, lambda each: self._failures[each.projection, each.outcome].inc())
        hooks.on(ProjectionLag, self._on_lag)

    def _on_events(self, record: EventsProjected) -> None:
        self._events[record.projection,].inc(record.events)
        self._batches[record.projection,].observe(record.seconds)

    def _on_lag(self, record: ProjectionLag) -> None:
        self._lag_events.labels(record.projection).set(record.events)
        self._lag_seconds.labels(record.projection).set(record.seconds)
        self._parked.labels(record.projection).set(record.parked)
        self._stopped.labels(record.projection).set(int(record.stopped))
