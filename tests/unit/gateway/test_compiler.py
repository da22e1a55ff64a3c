"""From contracts and policy to a snapshot, and what is refused on the way."""

from __future__ import annotations

import pytest

from atoll.contracts import Rate
from atoll.gateway import Gateway, Jwt, RouteClash, UnknownReference, check, compile_routes
from atoll.gateway.snapshot import Limit, Route, Snapshot
from tests.unit.gateway.shapes import GUARDED, JWT, OPEN, compiled, operation, spec


def test_only_public_operations_have_routes() -> None:
    inner = operation("GET /inner", public=False)
    snapshot = compile_routes([spec("shop", operation("GET /outer"), inner)], OPEN)
    assert [each.path for each in snapshot.routes] == ["/outer"]


def test_the_order_of_contracts_does_not_matter() -> None:
    one, two = spec("one", operation("GET /b", contract="one")), spec("two", operation("GET /a", contract="two"))
    assert compile_routes([one, two], OPEN) == compile_routes([two, one], OPEN)


def test_literal_routes_come_before_templates() -> None:
    snapshot = compiled("GET /a/{x}", "GET /{x}/b", "GET /a/b")
    assert [each.path for each in snapshot.routes] == ["/a/b", "/a/{x}", "/{x}/b"]


def test_an_operation_that_is_not_anonymous_needs_a_token() -> None:
    (route,) = compiled("GET /a", policy=GUARDED, anonymous=False).routes
    assert route.token


def test_an_operation_with_roles_needs_a_token_even_if_it_is_called_anonymous() -> None:
    (route,) = compiled("GET /a", policy=GUARDED, roles=("staff",)).routes
    assert route.token


def test_an_operation_has_its_own_limit_else_the_shared_one() -> None:
    own, shared = Rate(requests=1), Rate(requests=9)
    policy = Gateway(limit=shared)
    (with_own,) = compiled("GET /a", policy=policy, limit=own).routes
    (without,) = compiled("GET /a", policy=policy).routes
    assert (with_own.limit, without.limit) == (Limit(name="shop.get_a", rate=own), Limit(name="*", rate=shared))


def test_the_gateway_bounds_what_operations_declare() -> None:
    policy = Gateway(limit=None, timeout=2.0, max_body=100)
    (route,) = compiled("POST /a", policy=policy, timeout=10.0, max_body=1000).routes
    assert (route.timeout, route.max_body) == (2.0, 100)


def test_a_query_is_safe_and_a_command_is_not() -> None:
    assert [each.safe for each in compiled("GET /a", "POST /a").routes] == [True, False]


def test_the_gateway_reaches_services_with_routes_and_the_one_with_the_keys() -> None:
    contracts = [spec("shop", operation("GET /a")), spec("auth"), spec("pricing")]
    assert compile_routes(contracts, GUARDED).reached == ("auth", "shop")


def test_two_operations_with_one_route_are_told_in_one_sentence() -> None:
    order = spec("order", operation("GET /things/{id}", contract="order", name="one"))
    cart = spec("cart", operation("GET /things/{key}", contract="cart", name="two"))
    with pytest.raises(RouteClash) as clash:
        compile_routes([order, cart], OPEN)
    assert str(clash.value) == (
        "order.one and cart.two both have the route GET /things/{key}; change the path of one of them"
    )


def test_a_page_cannot_take_the_route_of_an_operation() -> None:
    with pytest.raises(RouteClash, match=r"the page /docs and shop.get_docs both have the route GET /docs"):
        compile_routes([spec("shop", operation("GET /docs"))], OPEN, static_responses={"/docs": ("text/html", b"")})


def test_the_path_of_readiness_is_reserved() -> None:
    with pytest.raises(RouteClash, match=r"the gateway's readiness and shop.get_healthz"):
        compiled("GET /healthz")


def test_keys_from_a_service_that_is_not_there_are_refused() -> None:
    policy = Gateway(jwt=Jwt(issuer="i", audience="a", service="idp"))
    with pytest.raises(UnknownReference, match="names the service 'idp', which this system does not have; it has:"):
        compiled("GET /a", policy=policy)


def test_an_operation_that_needs_a_token_at_a_gateway_that_knows_none_is_refused() -> None:
    with pytest.raises(UnknownReference, match=r"shop.get_a needs a token, but .* anonymous=True"):
        compiled("GET /a", anonymous=False)


def test_a_route_to_a_service_that_is_not_there_is_refused() -> None:
    route = Route(operation="a.b", service="nobody", method="GET", path="/", token=False)
    with pytest.raises(UnknownReference, match=r"the route of a.b leads to the service 'nobody'"):
        check(Snapshot(gateway=OPEN, services=("shop",), routes=(route,)))


def test_a_system_without_public_operations_has_an_empty_gateway() -> None:
    snapshot = compile_routes([], OPEN)
    assert (snapshot.routes, snapshot.reached, snapshot.limits) == ((), (), ())


def test_routes_of_one_allowance_name_it_once() -> None:
    snapshot = compiled("GET /a", "GET /b", policy=Gateway(jwt=JWT, limit=Rate(requests=5)))
    assert [each.name for each in snapshot.limits] == ["*"]
