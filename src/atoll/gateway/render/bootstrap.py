"""The file Envoy starts from: admin interface, log format, bounds on the process, and where the rest is."""

from __future__ import annotations

from typing import Final

from atoll.gateway.render.listener import listener
from atoll.gateway.render.names import CDS_FILE
from atoll.gateway.render.protobuf import Json, from_file, seconds, typed
from atoll.gateway.render.tracing import collector
from atoll.gateway.snapshot import Snapshot

_CONNECTIONS: Final = 10_000
_SPANS_WAIT: Final = "tracing.opentelemetry.flush_interval_ms"


def bootstrap(snapshot: Snapshot, port: int) -> Json:
    """Return the bootstrap; the admin interface gets a free port on the loopback address."""
    gateway = snapshot.gateway
    return {
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "application_log_config": {"log_format": {"json_format": _log_line()}},
        "overload_manager": _overload(),
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {_SPANS_WAIT: 1000}}]},
        "dynamic_resources": {"cds_config": from_file(CDS_FILE)},
        "static_resources": {
            "listeners": [listener(snapshot, port)],
            "clusters": [collector(gateway)] if gateway.otlp else [],
        },
    }


def _log_line() -> Json:
    return {
        "time": "%Y-%m-%dT%T.%eZ",
        "level": "%l",
        "logger": "envoy.%n",
        "service": "gateway",
        "message": "%j",
    }


def _overload() -> Json:
    connections = typed(
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=_CONNECTIONS,
    )
    monitor = {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": connections}
    return {"refresh_interval": seconds(0.25), "resource_monitors": [monitor]}
