"""Which web pages may call the gateway."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.gateway.edge import PAGE, Edge, bearer, token

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def preflight(edge: Edge, origin: str, method: str = "DELETE") -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": method}
    return await edge.http.options("/books/1", headers=headers)


async def test_a_preflight_from_a_known_page_needs_no_token(edge: Edge) -> None:
    response = await preflight(edge, PAGE)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, PAGE)


async def test_a_preflight_lists_the_methods_of_that_path(edge: Edge) -> None:
    assert (await preflight(edge, PAGE)).headers["access-control-allow-methods"] == "DELETE, GET"


async def test_a_preflight_lists_the_headers_a_page_may_send(edge: Edge) -> None:
    allowed = (await preflight(edge, PAGE)).headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)


async def test_a_preflight_never_reaches_the_service(edge: Edge) -> None:
    before = len(edge.library.received)
    await preflight(edge, PAGE)
    assert len(edge.library.received) == before


@pytest.mark.parametrize("origin", ["https://evil.test", f"{PAGE}.evil.test", "http://library.test", "null"])
async def test_a_preflight_from_another_page_allows_nothing(edge: Edge, origin: str) -> None:
    assert "access-control-allow-origin" not in (await preflight(edge, origin)).headers


async def test_a_response_to_a_known_page_names_it(edge: Edge) -> None:
    response = await edge.http.get("/books", headers={"origin": PAGE})
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "retry-after" in response.headers["access-control-expose-headers"]


async def test_a_refusal_is_readable_by_a_known_page_too(edge: Edge) -> None:
    response = await edge.http.get("/books/1/pages/2", headers={"origin": PAGE})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (401, PAGE)


async def test_a_response_to_another_page_names_nobody(edge: Edge) -> None:
    response = await edge.http.get("/books", headers={"origin": "https://evil.test"} | bearer(token()))
    assert "access-control-allow-origin" not in response.headers


async def test_every_response_varies_by_origin(edge: Edge) -> None:
    assert (await preflight(edge, PAGE)).headers["vary"] == "Origin"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/books")], ids=["404", "405"])
async def test_what_the_gateway_refuses_itself_is_readable_by_a_known_page_only(
    edge: Edge, method: str, path: str
) -> None:
    origins = [PAGE, "https://evil.test"]
    answers = [await edge.http.request(method, path, headers={"origin": each}) for each in origins]
    assert [each.headers.get("access-control-allow-origin") for each in answers] == [PAGE, None]


async def test_what_the_gateway_refuses_itself_names_nobody_to_callers_that_are_no_page(edge: Edge) -> None:
    assert "access-control-allow-origin" not in (await edge.http.get("/nowhere")).headers
