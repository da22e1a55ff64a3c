"""Who may call what: tokens that count, tokens that do not, and roles."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.gateway.edge import Edge, bearer, token, token_without_end

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRIVATE = "/books/1/pages/2"


def refused(response: httpx.Response) -> tuple[int, str, str]:
    return response.status_code, response.headers["content-type"], response.json()["code"]


UNAUTHENTICATED = (401, "application/problem+json", "unauthenticated")
FORBIDDEN = (403, "application/problem+json", "forbidden")


async def test_a_valid_token_opens_an_operation_and_travels_on_to_the_service(edge: Edge) -> None:
    value = token()
    response = await edge.http.get(PRIVATE, headers=bearer(value))
    assert response.json()["headers"]["authorization"] == f"Bearer {value}"


async def test_no_token_is_a_problem_401_that_says_how_to_send_one(edge: Edge) -> None:
    response = await edge.http.get(PRIVATE)
    assert refused(response) == UNAUTHENTICATED
    assert response.headers["www-authenticate"].startswith("Bearer realm=")


async def test_an_expired_token_is_refused(edge: Edge) -> None:
    response = await edge.http.get(PRIVATE, headers=bearer(token(lifetime=-60)))
    assert refused(response) == UNAUTHENTICATED
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_token_that_never_expires_is_refused(edge: Edge) -> None:
    assert refused(await edge.http.get(PRIVATE, headers=bearer(token_without_end()))) == UNAUTHENTICATED


async def test_a_token_expired_within_the_leeway_is_taken(edge: Edge) -> None:
    assert (await edge.http.get(PRIVATE, headers=bearer(token(lifetime=-5)))).status_code == 200


@pytest.mark.parametrize("value", [".", "nonsense", "a.b.c", "e30.e30.", "é"])
async def test_a_malformed_token_is_refused(edge: Edge, value: str) -> None:
    headers = [(b"authorization", f"Bearer {value}".encode())]
    assert refused(await edge.http.get(PRIVATE, headers=headers)) == UNAUTHENTICATED


async def test_a_changed_signature_is_refused(edge: Edge) -> None:
    value = token()
    forged = value[:-8] + ("AAAAAAAA" if not value.endswith("AAAAAAAA") else "BBBBBBBB")
    assert refused(await edge.http.get(PRIVATE, headers=bearer(forged))) == UNAUTHENTICATED


async def test_a_token_for_another_audience_proves_nothing_so_it_is_401_and_not_403(edge: Edge) -> None:
    response = await edge.http.get(PRIVATE, headers=bearer(token(audience="cinema")))
    assert refused(response) == UNAUTHENTICATED
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_in_the_query_does_not_count(edge: Edge) -> None:
    assert refused(await edge.http.get(f"{PRIVATE}?access_token={token()}")) == UNAUTHENTICATED


async def test_a_user_without_the_role_is_forbidden(edge: Edge) -> None:
    response = await edge.http.delete("/books/1", headers=bearer(token(roles=("reader",))))
    assert refused(response) == FORBIDDEN


async def test_the_refusal_of_a_role_does_not_tell_the_names_of_policies(edge: Edge) -> None:
    response = await edge.http.delete("/books/1", headers=bearer(token()))
    assert response.json()["detail"] == "Your token does not hold a role that may do this."


@pytest.mark.parametrize("role", ["librarian", "director"])
async def test_a_user_with_any_of_the_roles_may(edge: Edge, role: str) -> None:
    response = await edge.http.delete("/books/1", headers=bearer(token(roles=("reader", role))))
    assert response.status_code == 200


async def test_no_token_for_an_operation_with_roles_is_401(edge: Edge) -> None:
    assert refused(await edge.http.delete("/books/1")) == UNAUTHENTICATED


async def test_an_anonymous_operation_needs_no_token(edge: Edge) -> None:
    assert (await edge.http.get("/books")).status_code == 200


async def test_a_stale_token_does_not_close_an_anonymous_operation(edge: Edge) -> None:
    assert (await edge.http.get("/books", headers=bearer(token(lifetime=-60)))).status_code == 200


async def test_who_may_ask_is_settled_before_the_body_is_looked_at(edge: Edge) -> None:
    assert (await edge.http.post("/books", content=b"x" * 5000)).status_code == 401
