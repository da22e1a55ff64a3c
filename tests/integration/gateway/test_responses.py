"""What every response carries, and what it does not."""

from __future__ import annotations

import pytest

from tests.integration.gateway.edge import Edge
from tests.integration.gateway.upstream import Answer, Received

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECURITY = {
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'",
    "cache-control": "no-store",
    "vary": "Origin",
}


@pytest.mark.parametrize("path", ["/books", "/nowhere", "/books/1/pages/1"], ids=["200", "404", "401"])
async def test_every_response_has_the_security_headers(edge: Edge, path: str) -> None:
    response = await edge.http.get(path)
    assert {name: response.headers.get(name) for name in SECURITY} == SECURITY


async def test_no_response_tells_what_runs_behind_the_gateway(edge: Edge) -> None:
    response = await edge.http.get("/books")
    assert response.headers["server"] == "atoll"
    assert not [name for name in response.headers if name.startswith(("x-envoy", "x-powered"))]


async def test_a_service_may_let_its_answer_be_cached(edge: Edge) -> None:
    async def cacheable(_: Received) -> Answer:
        return Answer(headers={"cache-control": "max-age=60"})

    with edge.library.behaving(cacheable):
        response = await edge.http.get("/books")
    assert response.headers["cache-control"] == "max-age=60"


async def test_the_gateway_says_that_it_is_ready_without_a_token(edge: Edge) -> None:
    assert (await edge.http.get("/healthz")).status_code == 200


async def test_readiness_has_no_other_method(edge: Edge) -> None:
    response = await edge.http.post("/healthz")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
