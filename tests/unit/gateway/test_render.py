"""The files that Envoy reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from atoll.contracts import Rate
from atoll.discovery.port import Instance
from atoll.gateway import Gateway, Snapshot, render
from atoll.gateway.render import File, render_endpoints
from atoll.gateway.render.filters import http_filters
from tests.unit.gateway.shapes import GUARDED, JWT, OPEN, compiled

ONE = Instance(id="shop-1", service="shop", host="127.0.0.1", port=8001)
TWO = Instance(id="shop-2", service="shop", host="127.0.0.1", port=8002)
SIX = Instance(id="shop-6", service="shop", host="::1", port=8006)


def content(files: tuple[File, ...], path: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(next(each.content for each in files if each.path == path))
    return found


def named_clusters(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("cluster"), str):
            yield node["cluster"]
        for each in node.values():
            yield from named_clusters(each)
    elif isinstance(node, list):
        for each in node:
            yield from named_clusters(each)


def ports(file: File) -> list[int]:
    (assignment,) = msgspec.json.decode(file.content)["resources"]
    (group,) = assignment["endpoints"]
    return [each["endpoint"]["address"]["socket_address"]["port_value"] for each in group["lb_endpoints"]]


def endpoints(snapshot: Snapshot, *instances: Instance) -> File:
    return next(each for each in render_endpoints(snapshot, {"shop": instances}) if each.path == "eds/shop.json")


def test_what_is_referred_to_is_written_before_what_refers_to_it() -> None:
    files = render(compiled("GET /a", policy=GUARDED), {})
    assert [each.path for each in files] == [
        "eds/auth.json",
        "eds/shop.json",
        "cds.json",
        "rds.json",
        "bootstrap.json",
    ]


def test_a_service_that_no_route_leads_to_has_no_file() -> None:
    files = render(compiled("GET /a"), {"auth": [ONE]})
    assert [each.path for each in files][:2] == ["eds/shop.json", "cds.json"]


def test_every_cluster_that_is_named_is_defined() -> None:
    files = render(compiled("GET /a", policy=GUARDED), {})
    defined = {each["name"] for each in content(files, "cds.json")["resources"]}
    used = {
        *named_clusters(content(files, "rds.json")),
        *named_clusters(content(files, "bootstrap.json")["static_resources"]),
    }
    assert used == defined == {"auth", "shop"}


def test_the_same_input_gives_the_same_bytes() -> None:
    snapshot = compiled("GET /a", policy=GUARDED)
    assert render(snapshot, {"shop": [ONE, TWO]}) == render(snapshot, {"shop": [TWO, ONE]})


def test_a_version_changes_exactly_with_what_is_in_the_file() -> None:
    snapshot = compiled("GET /a")
    one, two, again = (endpoints(snapshot, each) for each in (ONE, TWO, ONE))
    assert (one.version == again.version, one.version == two.version) == (True, False)


def test_the_version_in_the_file_is_the_one_to_wait_for() -> None:
    file = endpoints(compiled("GET /a"), ONE)
    assert (msgspec.json.decode(file.content)["version_info"], file.stat) == (file.version, "cluster.shop.version_text")


def test_instances_stand_in_a_stable_order() -> None:
    assert ports(endpoints(compiled("GET /a"), SIX, TWO, ONE)) == [8001, 8002, 8006]


def test_a_service_without_instances_has_an_empty_list() -> None:
    assert ports(endpoints(compiled("GET /a"))) == []


@pytest.mark.parametrize(("host", "port"), [("localhost", 1), ("", 1), ("127.0.0.1", 0), ("127.0.0.1", 65536)])
def test_an_instance_that_envoy_cannot_reach_does_not_spoil_the_others(host: str, port: int) -> None:
    odd = Instance(id="shop-9", service="shop", host=host, port=port)
    assert ports(endpoints(compiled("GET /a"), odd, ONE)) == [8001]


def test_the_port_of_the_listener_is_that_given() -> None:
    bootstrap = content(render(compiled("GET /a"), {}, port=8080), "bootstrap.json")
    (listener,) = bootstrap["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8080}


def test_two_gateways_never_share_a_port_by_accident() -> None:
    (listener,) = content(render(compiled("GET /a"), {}), "bootstrap.json")["static_resources"]["listeners"]
    assert listener["enable_reuse_port"] is False


def test_the_administrator_listens_on_the_loopback_address_only() -> None:
    admin = content(render(compiled("GET /a"), {}), "bootstrap.json")["admin"]
    assert admin["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 0}


@pytest.mark.parametrize(("otlp", "expected"), [("", []), ("http://localhost:4318", ["opentelemetry-collector"])])
def test_there_is_a_collector_only_if_one_is_named(otlp: str, expected: list[str]) -> None:
    files = render(compiled("GET /a", policy=Gateway(limit=None, otlp=otlp)), {})
    clusters = content(files, "bootstrap.json")["static_resources"]["clusters"]
    assert [each["name"] for each in clusters] == expected


def test_filters_stand_in_the_order_that_settles_who_asks_first() -> None:
    names = [each["name"].rpartition(".")[2] for each in http_filters(compiled("GET /a", policy=GUARDED))]
    assert names == [
        "header_mutation",
        "cors",
        "health_check",
        "jwt_authn",
        "rbac",
        "local_ratelimit",
        "buffer",
        "router",
    ]


def test_without_tokens_and_limits_their_filters_are_left_out() -> None:
    names = {each["name"].rpartition(".")[2] for each in http_filters(compiled("GET /a", policy=OPEN))}
    assert not names & {"jwt_authn", "local_ratelimit"}


def test_each_allowance_has_a_bucket_for_subjects_and_one_for_addresses() -> None:
    policy = Gateway(jwt=JWT, limit=Rate(requests=5, seconds=10))
    filters = {each["name"]: each for each in http_filters(compiled("GET /a", "GET /b", policy=policy))}
    config = filters["envoy.filters.http.local_ratelimit"]["typed_config"]
    assert [[entry["key"] for entry in each["entries"]] for each in config["descriptors"]] == [
        ["allowance", "subject"],
        ["allowance", "anonymous", "masked_remote_address"],
    ]
