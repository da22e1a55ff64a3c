"""Services as Envoy clusters, and the running instances as their endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from atoll.discovery.port import Instance
from atoll.gateway.render.names import endpoints_file
from atoll.gateway.render.protobuf import Json, from_file, resource, seconds, typed

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(service: str) -> Json:
    """Return the cluster of `service`, whose endpoints come from their own file."""
    return resource(
        "cluster.v3.Cluster",
        name=service,
        type="EDS",
        eds_cluster_config={"eds_config": from_file(endpoints_file(service))},
        connect_timeout=seconds(1),
        lb_policy="LEAST_REQUEST",
        typed_extension_protocol_options={_HTTP_OPTIONS: _http_options()},
        circuit_breakers=_circuit_breakers(),
        outlier_detection=_outlier_detection(),
        # Envoy would otherwise go on asking an instance for a second after leaving it out.
        common_lb_config={"update_merge_window": seconds(0)},
    )


def assignment(service: str, instances: Sequence[Instance]) -> Json:
    """Return the endpoints of `service`, without those that are not reachable."""
    ordered = sorted(filter(reachable, instances), key=lambda each: each.id)
    return resource(
        "endpoint.v3.ClusterLoadAssignment",
        cluster_name=service,
        endpoints=[{"lb_endpoints": [{"endpoint": {"address": _address(each)}} for each in ordered]}],
    )


def reachable(instance: Instance) -> bool:
    """Tell whether Envoy can be given this instance: it takes IP addresses only, and refuses a list with any other."""
    try:
        ip_address(instance.host)
    except ValueError:
        return False
    return 0 < instance.port < 65536


def _address(instance: Instance) -> Json:
    return {"socket_address": {"address": instance.host, "port_value": instance.port}}


def _http_options() -> Json:
    # Shorter than any of our servers keeps an idle connection (uvicorn's default is 5 s): else a request could meet its
    # connection's closing.
    return typed(
        "upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": seconds(4)},
    )


def _circuit_breakers() -> Json:
    budget = {"budget_percent": {"value": 20}, "min_retry_concurrency": 3}
    bounds = {"max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024}
    return {"thresholds": [{"priority": "DEFAULT", **bounds, "retry_budget": budget}]}


def _outlier_detection() -> Json:
    # Broken connections and 502, 503, 504 count. A 500 does not: it is a fault of the code, which every instance has.
    # Never more than half of the instances are left out, so a service with one keeps it.
    return {
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "interval": seconds(1),
        "base_ejection_time": seconds(5),
        "max_ejection_percent": 50,
    }
