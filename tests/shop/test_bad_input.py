"""Whatever is sent to the gateway, the answer is a clear problem document and nothing is lost."""

from __future__ import annotations

import base64

import msgspec
import pytest

from tests.shop.shopper import Answer, Shopper

pytestmark = pytest.mark.asyncio(loop_scope="session")


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail"} <= answer.document.keys()
    assert answer.document["status"] == status
    assert "Traceback" not in answer.document["detail"]


async def test_malformed_json_is_400(ann: Shopper) -> None:
    assert_problem(await ann.send("PUT", "/cart/lines/AUD-001", raw=b'{"quantity": '), 400)


@pytest.mark.parametrize("body", [{"quantity": "two"}, {"quantity": 0}, {"quantity": 100}, {"quantity": None}])
async def test_a_wrong_field_is_422_and_named(ann: Shopper, body: object) -> None:
    answer = await ann.send("PUT", "/cart/lines/AUD-001", body)
    assert_problem(answer, 422)
    assert answer.document["field"] == "quantity"


@pytest.mark.parametrize("body", [{}, [], "two"])
async def test_a_body_without_what_is_needed_is_422(ann: Shopper, body: object) -> None:
    assert_problem(await ann.send("PUT", "/cart/lines/AUD-001", body), 422)


async def test_a_card_number_is_not_a_token(ann: Shopper) -> None:
    answer = await ann.check_out("4242424242424242")
    assert_problem(answer, 422)
    assert answer.document["field"] == "card"


async def test_a_query_of_the_wrong_type_is_named(visitor: Shopper) -> None:
    answer = await visitor.get("/catalog?page=first")
    assert_problem(answer, 422)
    assert "page" in str(answer.document)


async def test_an_unknown_route_is_404(visitor: Shopper) -> None:
    assert_problem(await visitor.get("/nothing/here"), 404)


async def test_an_unknown_thing_is_404(ann: Shopper) -> None:
    assert_problem(await ann.get("/products/NOPE"), 404)
    assert_problem(await ann.put("NOPE"), 404)


async def test_a_wrong_method_is_405_and_says_what_is_allowed(visitor: Shopper) -> None:
    answer = await visitor.send("DELETE", "/catalog")
    assert_problem(answer, 405)
    assert "GET" in answer.headers["allow"]


async def test_a_huge_body_is_413(ann: Shopper) -> None:
    assert_problem(await ann.send("PUT", "/cart/lines/AUD-001", raw=b'{"quantity":' + b" " * (2 << 20) + b"1}"), 413)


@pytest.mark.parametrize("path", ["/cart", "/orders", "/profile", "/users/me", "/messages", "/parcels/RA1"])
async def test_what_is_a_customers_own_needs_a_token(visitor: Shopper, path: str) -> None:
    answer = await visitor.get(path)
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_somebody_changed_is_refused(ann: Shopper) -> None:
    header, claims, signature = ann.token.split(".")
    changed = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=="))
    changed["roles"] = ["admin"]
    forged = base64.urlsafe_b64encode(msgspec.json.encode(changed)).decode().rstrip("=")
    ann.token = f"{header}.{forged}.{signature}"
    assert_problem(await ann.get("/analytics/funnel"), 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/products"),
        ("PUT", "/products/AUD-001/price"),
        ("POST", "/stock/AUD-001/restocks"),
        ("GET", "/analytics/revenue"),
    ],
)
async def test_what_is_the_admins_is_403_for_a_customer(ann: Shopper, method: str, path: str) -> None:
    assert_problem(await ann.send(method, path, {} if method != "GET" else None), 403)


@pytest.mark.parametrize(
    "path",
    ["/ledger/orders", "/ledger/payments", "/audit/verification", "/_atoll/sagas", "/metrics", "/reservations"],
)
async def test_what_is_not_public_has_no_route_at_the_gateway(ann: Shopper, path: str) -> None:
    assert_problem(await ann.get(path), 404)
