"""Spans of the gateway by OTLP, only when a collector is named."""

from __future__ import annotations

from urllib.parse import urlsplit

from atoll.gateway.policy import Gateway
from atoll.gateway.render.names import COLLECTOR
from atoll.gateway.render.protobuf import Json, extension, seconds


def tracing(gateway: Gateway) -> Json:
    """Return the tracer: it continues a trace with the caller's decision and decides for new ones."""
    samplers = "tracers.opentelemetry.samplers.v3"
    ratio = extension(
        "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        f"{samplers}.TraceIdRatioBasedSamplerConfig",
        sampling_percentage={"numerator": round(gateway.sampling * 1_000_000), "denominator": "MILLION"},
    )
    parent = extension(
        "envoy.tracers.opentelemetry.samplers.parent_based",
        f"{samplers}.ParentBasedSamplerConfig",
        wrapped_sampler=ratio,
    )
    config = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": "gateway",
        "http_service": {"http_uri": _collector_uri(gateway)},
        "sampler": parent,
    }
    provider = {"name": "envoy.tracers.opentelemetry", "typed_config": config}
    return {"spawn_upstream_span": True, "provider": provider}


def collector(gateway: Gateway) -> Json:
    """Return the cluster of the collector."""
    url = urlsplit(gateway.otlp)
    address = {"address": url.hostname, "port_value": url.port or 4318}
    return {
        "name": COLLECTOR,
        "type": "STRICT_DNS",
        "connect_timeout": seconds(1),
        "load_assignment": {
            "cluster_name": COLLECTOR,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": address}}}]}],
        },
    }


def _collector_uri(gateway: Gateway) -> Json:
    base = gateway.otlp.rstrip("/")
    return {"uri": f"{base}/v1/traces", "cluster": COLLECTOR, "timeout": seconds(1)}
