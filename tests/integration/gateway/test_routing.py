"""What reaches a service, and what the gateway answers for it."""

from __future__ import annotations

import pytest

from tests.integration.gateway.edge import Edge, bearer, token
from tests.integration.gateway.upstream import Answer, Received, never

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_public_query_reaches_its_service_with_path_and_query_unchanged(edge: Edge) -> None:
    response = await edge.http.get("/books/moby%20dick?edition=2&lang=en")
    assert response.json()["target"] == "/books/moby%20dick?edition=2&lang=en"


async def test_a_hole_takes_one_segment_only(edge: Edge) -> None:
    assert (await edge.http.get("/books/1/2")).status_code == 404


async def test_an_unknown_path_is_a_problem_404(edge: Edge) -> None:
    response = await edge.http.get("/nowhere?token=secret")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this path.",
        "code": "not_found",
    }


async def test_an_operation_that_is_not_public_has_no_route(edge: Edge) -> None:
    assert (await edge.http.get("/cellar", headers=bearer(token()))).status_code == 404


async def test_a_wrong_method_is_a_problem_405_that_lists_the_right_ones(edge: Edge) -> None:
    response = await edge.http.put("/books")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert response.json()["code"] == "method_not_allowed"


async def test_a_literal_path_shares_the_methods_of_the_template_over_it(edge: Edge) -> None:
    response = await edge.http.put("/books/best")
    assert (response.status_code, response.headers["allow"]) == (405, "DELETE, GET")


async def test_options_lists_the_methods_of_a_path(edge: Edge) -> None:
    response = await edge.http.options("/books")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, POST")


async def test_a_service_that_is_late_is_a_problem_504(edge: Edge) -> None:
    with edge.library.behaving(never):
        response = await edge.http.get("/slow")
    assert (response.status_code, response.json()["code"]) == (504, "deadline_exceeded")


async def test_the_service_is_told_how_long_the_caller_waits(edge: Edge) -> None:
    response = await edge.http.get("/slow")
    assert 0 < int(response.json()["headers"]["x-envoy-expected-rq-timeout-ms"]) <= 500


async def test_the_answer_of_a_service_passes_unchanged_even_if_it_is_an_error(edge: Edge) -> None:
    async def refuse(_: Received) -> Answer:
        return Answer(409, b'{"code": "taken"}', {"content-type": "application/problem+json"})

    with edge.library.behaving(refuse):
        response = await edge.http.get("/books")
    assert (response.status_code, response.json()) == (409, {"code": "taken"})
