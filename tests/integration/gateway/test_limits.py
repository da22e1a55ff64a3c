"""Rate limits: for each caller, for each allowance, and no way round them."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.gateway.edge import Edge, bearer, token

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def use_up(edge: Edge, subject: str, path: str = "/loans") -> httpx.Response:
    """Do the three that are allowed; return the answer to the fourth."""
    headers = bearer(token(subject))
    assert [(await edge.http.get(path, headers=headers)).status_code for _ in range(3)] == [200] * 3
    return await edge.http.get(path, headers=headers)


async def test_a_request_over_the_limit_is_a_problem_429(edge: Edge) -> None:
    response = await use_up(edge, "ann")
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert response.json()["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"


async def test_a_refused_caller_is_told_when_to_come_again(edge: Edge) -> None:
    response = await use_up(edge, "bob")
    assert 1 <= int(response.headers["retry-after"]) <= 11
    assert response.headers["ratelimit"].startswith('"caller";r=0;t=')


async def test_every_answer_of_a_limited_operation_tells_policy_and_rest(edge: Edge) -> None:
    response = await edge.http.get("/loans", headers=bearer(token("cid")))
    assert response.headers["ratelimit-policy"] == '"caller";q=3;w=30'
    assert response.headers["ratelimit"].startswith('"caller";r=2;t=')
    assert "retry-after" not in response.headers


async def test_an_answer_before_any_limit_tells_none(edge: Edge) -> None:
    response = await edge.http.get("/nowhere")
    assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(response.headers)


async def test_the_names_of_the_older_draft_are_not_sent(edge: Edge) -> None:
    response = await edge.http.get("/loans", headers=bearer(token("dee")))
    assert not [name for name in response.headers if name.startswith("x-ratelimit")]


async def test_one_subject_does_not_use_up_another_s_allowance(edge: Edge) -> None:
    await use_up(edge, "eve")
    assert (await edge.http.get("/loans", headers=bearer(token("fay")))).status_code == 200


async def test_an_operation_s_own_limit_leaves_other_operations_alone(edge: Edge) -> None:
    await use_up(edge, "gus")
    assert (await edge.http.get("/books", headers=bearer(token("gus")))).status_code == 200


async def test_new_tokens_of_the_same_subject_share_its_allowance(edge: Edge) -> None:
    codes = [
        (await edge.http.get("/loans", headers=bearer(token("hal", lifetime=900 + each)))).status_code
        for each in range(4)
    ]
    assert codes == [200, 200, 200, 429]


async def test_a_caller_cannot_refill_its_allowance_by_cycling_through_others(edge: Edge) -> None:
    await use_up(edge, "ida")
    for each in range(60):  # Envoy would forget the least recent of 20
        await edge.http.get("/loans", headers=bearer(token(f"other-{each}")))
    assert (await edge.http.get("/loans", headers=bearer(token("ida")))).status_code == 429


async def test_without_a_token_the_address_counts_whatever_headers_claim(edge: Edge) -> None:
    spoofs = [
        {},
        {"x-forwarded-for": "203.0.113.1"},
        {"x-atoll-subject": "someone"},
        {"authorization": "Bearer made.up.token"},
        {"idempotency-key": "k"},
    ]
    codes = [(await edge.http.post("/tokens", headers=each)).status_code for each in spoofs]
    assert codes == [200, 200, 200, 429, 429]
