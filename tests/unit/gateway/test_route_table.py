"""The route table, asked as Envoy asks it: from the top, the first match counts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.contracts import Rate
from atoll.gateway import Cors, Gateway, compile_routes
from tests.unit.gateway.shapes import GUARDED, JWT, OPEN, choose, compiled, envoy_routes, operation, spec

CORS = Gateway(cors=Cors(origins=("https://shop.test",)), limit=None)
PREFLIGHT = {"origin": "https://shop.test", "access_control_request_method": "GET"}
REPEATS = {"reset", "retriable-status-codes"}

paths = st.lists(st.sampled_from(["a", "b", "{x}", "{y}"]), min_size=1, max_size=3).map(lambda s: "/" + "/".join(s))
routes = st.builds("{} {}".format, st.sampled_from(["GET", "POST"]), paths)
distinct = st.lists(routes, max_size=8, unique_by=lambda route: re.sub(r"\{.\}", "{}", route))


def retried_on(route: dict[str, Any]) -> set[str]:
    return set(route["route"]["retry_policy"]["retry_on"].split(","))


@given(distinct, st.sampled_from(["GET", "POST"]), st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
def test_a_request_reaches_an_operation_exactly_if_one_matches_it(
    declared: list[str], method: str, parts: list[str]
) -> None:
    path = "/" + "/".join(parts)
    matching = {
        route for route in declared if re.fullmatch(re.sub(r"\{.\}", "[^/]+", route), f"{method} {path}") is not None
    }
    chosen = choose(compiled(*declared), f"{method} {path}")
    assert ("route" in chosen) == bool(matching)
    assert not matching or chosen["name"] in {operation(route).id for route in matching}


@given(distinct, paths)
def test_the_methods_that_a_refusal_lists_do_work(declared: list[str], path: str) -> None:
    path = re.sub(r"\{.\}", "zzz", path)
    refusal = choose(compiled(*declared), f"PATCH {path}")
    allowed = [each["header"]["value"] for each in refusal["response_headers_to_add"]]
    for method in ", ".join(allowed).split(", ") if allowed else []:
        assert "route" in choose(compiled(*declared), f"{method} {path}")


def test_an_exact_path_is_matched_without_an_expression() -> None:
    assert choose(compiled("GET /a"), "GET /a")["match"]["path"] == "/a"


def test_a_literal_path_wins_over_a_template() -> None:
    snapshot = compiled("GET /orders/{id}", "GET /orders/mine")
    assert choose(snapshot, "GET /orders/mine")["name"] == "shop.get_orders_mine"


def test_a_method_that_only_the_template_has_is_not_refused_at_the_literal_path() -> None:
    snapshot = compiled("DELETE /orders/{id}", "GET /orders/mine")
    assert choose(snapshot, "DELETE /orders/mine")["route"]["cluster"] == "shop"


def test_a_wrong_method_is_405_with_the_methods_there_are() -> None:
    refusal = choose(compiled("GET /a", "POST /a"), "PUT /a")
    assert refusal["direct_response"] == {"status": 405}
    assert refusal["response_headers_to_add"][0]["header"] == {"key": "allow", "value": "GET, POST"}


def test_an_unknown_path_is_404() -> None:
    assert choose(compiled("GET /a"), "GET /b")["direct_response"] == {"status": 404}


def test_a_query_may_be_repeated() -> None:
    assert retried_on(choose(compiled("GET /a"), "GET /a")) >= REPEATS


def test_a_command_may_be_repeated_only_with_a_key() -> None:
    snapshot = compiled("POST /a")
    assert not retried_on(choose(snapshot, "POST /a")) & REPEATS
    assert retried_on(choose(snapshot, "POST /a", idempotency_key="k")) >= REPEATS


def test_with_and_without_a_key_a_command_is_under_the_same_policy() -> None:
    snapshot = compiled("POST /a", policy=GUARDED, anonymous=False, roles=("staff",), limit=Rate(requests=1))
    keyed, unkeyed = choose(snapshot, "POST /a", idempotency_key="k"), choose(snapshot, "POST /a")
    same = ("name", "metadata", "typed_per_filter_config")
    assert [keyed[each] for each in same] == [unkeyed[each] for each in same]


@given(distinct, st.booleans())
def test_every_way_to_an_operation_says_whether_a_token_is_needed(declared: list[str], anonymous: bool) -> None:
    snapshot = compiled(*declared, policy=GUARDED, anonymous=anonymous)
    config = [
        each["typed_per_filter_config"]["envoy.filters.http.jwt_authn"]["requirement_name"]
        for each in envoy_routes(snapshot)
        if "route" in each
    ]
    assert set(config) <= {"optional" if anonymous else "required"}


def test_each_role_is_one_of_the_principals_that_may() -> None:
    chosen = choose(compiled("GET /a", policy=GUARDED, roles=("staff", "boss")), "GET /a")
    rules = chosen["typed_per_filter_config"]["envoy.filters.http.rbac"]["rbac"]["rules"]
    assert (rules["action"], len(rules["policies"]["roles"]["principals"])) == ("ALLOW", 2)


def test_a_query_may_bring_no_body_and_a_command_as_much_as_it_declares() -> None:
    snapshot = compiled("GET /a", max_body=0), compiled("POST /a", max_body=500)
    chosen = [choose(snapshot[0], "GET /a"), choose(snapshot[1], "POST /a")]
    sizes = [each["typed_per_filter_config"]["envoy.filters.http.buffer"]["buffer"] for each in chosen]
    assert sizes == [{"max_request_bytes": 1}, {"max_request_bytes": 500}]


def test_the_timeout_of_an_operation_is_that_of_its_route() -> None:
    assert choose(compiled("GET /a", timeout=0.25), "GET /a")["route"]["timeout"] == "0.250s"


def test_a_preflight_goes_to_the_filter_and_not_to_the_operation() -> None:
    chosen = choose(compiled("GET /a/{x}", "POST /a/{x}", policy=CORS), "OPTIONS /a/1", **PREFLIGHT)
    assert chosen["typed_per_filter_config"]["envoy.filters.http.cors"]["allow_methods"] == "GET, POST"


@pytest.mark.parametrize("headers", [{}, {"origin": "https://shop.test"}], ids=["no origin", "no method asked for"])
def test_options_that_is_no_preflight_lists_the_methods(headers: dict[str, str]) -> None:
    assert choose(compiled("GET /a", policy=CORS), "OPTIONS /a", **headers)["direct_response"] == {"status": 204}


def test_a_page_wins_over_a_template_and_keeps_its_bytes() -> None:
    contracts = [spec("shop", operation("GET /{name}"))]
    snapshot = compile_routes(contracts, OPEN, static_responses={"/docs": ("text/html", b"\xff")})
    assert choose(snapshot, "GET /docs")["direct_response"] == {"status": 200, "body": {"inline_bytes": "/w=="}}


def test_a_route_carries_its_allowance_and_the_words_for_it() -> None:
    chosen = choose(compiled("GET /a", policy=Gateway(jwt=JWT, limit=Rate(requests=5, seconds=10))), "GET /a")
    assert chosen["metadata"]["filter_metadata"]["atoll"] == {
        "operation": "shop.get_a",
        "limit": "*",
        "policy": '"caller";q=5;w=10',
    }
