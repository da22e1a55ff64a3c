"""Spans as they arrive at a collector, over a real connection."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client import CollectorRegistry

from atoll.core import Hooks, Trace
from atoll.core import context as contexts
from atoll.observability import Observability, observe
from atoll.observability.otlp import OTLPExporter
from atoll.observability.spans import server_span
from tests.integration.observability.collector import Collector
from tests.unit.observability.records import call, message, request, saga, step


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def observed(hooks: Hooks, environ: dict[str, str]) -> Observability:
    return observe(
        hooks,
        service="order",
        registry=CollectorRegistry(),
        environ=environ,
        instance="2",
        version="1.2.0",
    )


async def send(collector: Collector, *records: object) -> None:
    hooks = Hooks()
    async with observed(hooks, collector.environ):
        for record in records:
            hooks.emit(record)


async def test_spans_are_sent_when_the_service_stops(collector: Collector) -> None:
    await send(collector, request(endpoint="/checkout", method="POST"))
    assert list(collector.spans) == ["POST /checkout"]


async def test_spans_go_to_the_path_for_traces(collector: Collector) -> None:
    await send(collector, request())
    assert collector.paths == ["/v1/traces"]


async def test_spans_say_which_service_they_are_from(collector: Collector) -> None:
    await send(collector, request())
    attributes = {each.key: each.value.string_value for each in collector.resources[0].resource.attributes}
    wanted = {"service.name": "order", "service.instance.id": "2", "service.version": "1.2.0"}
    assert attributes.items() >= wanted.items()


async def test_a_trace_keeps_its_shape_from_request_to_consumer(collector: Collector) -> None:
    asked = contexts.new_context(sampled=True).trace
    ran, stepped, called = asked.child(), asked.child(), asked.child()
    served = contexts.extract({"traceparent": called.traceparent}).trace
    consumed = contexts.extract({"traceparent": served.traceparent}).trace
    await send(
        collector,
        message(type="Reserved", trace=consumed),
        request(endpoint="/reservations", trace=served),
        call(trace=called),
        step(trace=stepped),
        saga(trace=ran),
        request(endpoint="/checkout", trace=asked),
    )
    assert parents(collector) == {
        "GET /checkout": "",
        "saga checkout": asked.span_id,
        "checkout/reserve": asked.span_id,
        "inventory/reserve": asked.span_id,
        "GET /reservations": called.span_id,
        "process Reserved": served.span_id,
    }


async def test_all_spans_of_a_trace_have_its_id(collector: Collector) -> None:
    trace = contexts.new_context(sampled=True).trace
    await send(collector, request(trace=trace), call(trace=trace.child()))
    assert {span.trace_id.hex() for span in collector.spans.values()} == {trace.trace_id}


async def test_a_span_lasts_as_long_as_the_work_did(collector: Collector) -> None:
    before = time.time_ns()
    await send(collector, request(seconds=1.5))
    (span,) = collector.spans.values()
    assert span.end_time_unix_nano - span.start_time_unix_nano == 1_500_000_000
    assert before <= span.end_time_unix_nano + 1_000 <= time.time_ns() + 1_000


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (request(), Span.SPAN_KIND_SERVER),
        (call(), Span.SPAN_KIND_CLIENT),
        (message(), Span.SPAN_KIND_CONSUMER),
        (step(), Span.SPAN_KIND_INTERNAL),
    ],
    ids=["request", "call", "message", "step"],
)
async def test_each_kind_of_work_has_its_kind_of_span(collector: Collector, record: object, kind: int) -> None:
    await send(collector, record)
    assert [span.kind for span in collector.spans.values()] == [kind]


async def test_a_failure_has_the_status_of_an_error_and_its_type(collector: Collector) -> None:
    await send(collector, request(status=503, error_type="unavailable"))
    assert collector.spans["GET /stock/{sku}"].status.code == Status.STATUS_CODE_ERROR
    assert collector.attributes("GET /stock/{sku}")["error.type"] == "unavailable"


async def test_unsampled_work_is_not_sent(collector: Collector) -> None:
    await send(collector, request(trace=contexts.new_context().trace))
    assert collector.paths == []


async def test_closing_twice_is_closing_once(collector: Collector) -> None:
    observability = observed(hooks := Hooks(), collector.environ)
    hooks.emit(request())
    await observability.close()
    await observability.close()
    assert len(collector.paths) == 1


def test_a_collector_that_is_not_there_does_not_hold_up_the_stop() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1/traces"
        exporter = OTLPExporter(url, service="order", instance="0", version="", grace=0.1)
        exporter.record(server_span(request(trace=Trace(trace_id="a" * 32, span_id="b" * 16))), end=1.0)
        began = time.monotonic()
        exporter.close()
    assert time.monotonic() - began < 5.0


def parents(collector: Collector) -> dict[str, str]:
    return {name: span.parent_span_id.hex() for name, span in collector.spans.items()}
