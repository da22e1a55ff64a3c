"""Which records reach the exporter."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from atoll.core import Hooks, SettingsError, SystemClock
from atoll.observability import Metrics, Observability, Tracing, observe
from atoll.observability.spans import Span
from tests.unit.observability.records import TRACE, call, message, request, saga, step


class Collected:
    """An exporter that keeps spans in a list."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.closed = 0

    def record(self, span: Span, *, end: float) -> None:
        self.spans.append(span)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def hooks(collected: Collected) -> Hooks:
    hooks = Hooks()
    Tracing(collected, SystemClock()).subscribe(hooks)
    return hooks


EACH = [request, call, message, step, saga]


@pytest.mark.parametrize("make", EACH)
def test_sampled_work_becomes_a_span(hooks: Hooks, collected: Collected, make: Any) -> None:
    hooks.emit(make())
    assert [span.trace for span in collected.spans] == [TRACE]


@pytest.mark.parametrize("make", EACH)
def test_unsampled_work_does_not(hooks: Hooks, collected: Collected, make: Any) -> None:
    hooks.emit(make(trace=msgspec.structs.replace(TRACE, sampled=False)))
    assert collected.spans == []


@pytest.mark.parametrize("make", [call, message, saga])
def test_work_without_a_trace_does_not(hooks: Hooks, collected: Collected, make: Any) -> None:
    hooks.emit(make(trace=None))
    assert collected.spans == []


def observed(environ: dict[str, str], chance: float = 0.5) -> Any:
    return observe(Hooks(), service="x", registry=CollectorRegistry(), environ=environ, chance=lambda: chance)


async def test_without_an_endpoint_no_trace_is_sampled() -> None:
    async with observed({}) as observability:
        assert not observability.sample()


@pytest.mark.parametrize(("chance", "sampled"), [(0.24, True), (0.25, False)])
async def test_new_traces_are_sampled_at_the_ratio_asked_for(chance: float, sampled: bool) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:9",
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
    }
    async with observed(environ, chance) as observability:
        assert observability.sample() is sampled


async def test_spans_are_flushed_once_however_often_it_is_closed(collected: Collected) -> None:
    tracing = Tracing(collected, SystemClock())
    observability = Observability(Metrics(CollectorRegistry(), "x"), tracing, 1.0, lambda: 0.0)
    await observability.close()
    await observability.close()
    assert collected.closed == 1


def test_an_endpoint_without_the_exporter_installed_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atoll.observability.otlp", None)
    with pytest.raises(SettingsError, match=r"atoll\[otel\]"):
        observed({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:9"})


async def test_observing_counts_too() -> None:
    hooks, registry = Hooks(), CollectorRegistry()
    async with observe(hooks, service="x", registry=registry, environ={}):
        hooks.emit(request())
    assert (
        registry.get_sample_value(
            "http_request_duration_seconds_count", {"method": "GET", "endpoint": "/stock/{sku}", "status": "200"}
        )
        == 1
    )


def test_opentelemetry_is_not_imported_unless_it_is_asked_for() -> None:
    code = (
        "import sys; from prometheus_client import CollectorRegistry; from atoll.core import Hooks;"
        "from atoll.observability import observe;"
        "observe(Hooks(), service='x', registry=CollectorRegistry(), environ={});"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
