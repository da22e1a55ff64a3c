"""The public listener and its HTTP connection manager, hardened as Envoy's edge guide asks."""

from __future__ import annotations

from typing import Any

from atoll.gateway.policy import Gateway
from atoll.gateway.render.filters import http_filters
from atoll.gateway.render.headers import untrusted
from atoll.gateway.render.names import LISTENER, METADATA, RDS_FILE, ROUTES, STAT_PREFIX
from atoll.gateway.render.problems import local_replies
from atoll.gateway.render.protobuf import Json, extension, from_file, seconds, typed
from atoll.gateway.render.tracing import tracing
from atoll.gateway.snapshot import Snapshot


def listener(snapshot: Snapshot, port: int) -> Json:
    """Return the listener. 0 lets the system choose the port; a named one is never shared with another process."""
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(snapshot)}
    return {
        "name": LISTENER,
        "address": {"socket_address": {"address": snapshot.gateway.host, "port_value": port}},
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [{"filters": [manager]}],
    }


def _manager(snapshot: Snapshot) -> Json:
    fields: dict[str, Any] = {"stat_prefix": STAT_PREFIX} | _trust(snapshot.gateway) | _bounds(snapshot)
    fields["local_reply_config"] = local_replies()
    fields["http_filters"] = http_filters(snapshot)
    fields["rds"] = {"route_config_name": ROUTES, "config_source": from_file(RDS_FILE)}
    if snapshot.gateway.otlp:
        fields["tracing"] = tracing(snapshot.gateway)
    if snapshot.gateway.access_log:
        fields["access_log"] = [_access_log()]
    return typed("filters.network.http_connection_manager.v3.HttpConnectionManager", **fields)


def _trust(gateway: Gateway) -> Json:
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": gateway.trusted_hops,
        "early_header_mutation_extensions": [untrusted(gateway)],
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "generate_request_id": True,
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
        "server_name": "atoll",
        "server_header_transformation": "OVERWRITE",
    }


def _bounds(snapshot: Snapshot) -> Json:
    return {
        "request_headers_timeout": seconds(10),
        "request_timeout": seconds(30),
        "stream_idle_timeout": seconds(snapshot.gateway.timeout + 60),
        "drain_timeout": seconds(5),
        "common_http_protocol_options": {
            "idle_timeout": seconds(300),
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
    }


def _access_log() -> Json:
    line = {
        "time": "%START_TIME%",
        "level": "INFO",
        "logger": "access",
        "service": "gateway",
        "message": "%REQUEST_HEADER(:METHOD)% %PATH(NQ:PATH)% %RESPONSE_CODE%",
        "operation": f"%METADATA(ROUTE:{METADATA}:operation)%",
        "milliseconds": "%DURATION%",
        "flags": "%RESPONSE_FLAGS%",
        "reason": "%RESPONSE_CODE_DETAILS%",
        "upstream": "%UPSTREAM_HOST%",
        "request_id": "%REQUEST_HEADER(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
    }
    return extension(
        "envoy.access_loggers.stdout",
        "access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": line, "omit_empty_values": True},
    )
