"""A service instance that fails: what is tried again elsewhere, and what must not be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.integration.gateway.edge import Edge, bearer, eventually, token
from tests.integration.gateway.upstream import Answer, Received, Upstream, broken

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def other(edge: Edge) -> AsyncIterator[Upstream]:
    """A second, healthy instance of `library`, beside one that breaks connections."""
    async with Upstream("other") as second:
        endpoints = {"auth": [edge.auth.instance("auth")], "library": [edge.library.instance("library")]}
        both = endpoints | {"library": [*endpoints["library"], second.instance("library")]}
        await edge.envoy.apply(both)
        with edge.library.behaving(broken):
            yield second
        await edge.envoy.apply(endpoints)


async def many(edge: Edge, method: str, path: str, **headers: str) -> list[httpx.Response]:
    sent = bearer(token()) | headers
    return [await edge.http.request(method, path, headers=sent) for _ in range(8)]


async def test_a_query_that_breaks_off_is_asked_of_another_instance(edge: Edge, other: Upstream) -> None:
    answers = await many(edge, "GET", "/books")
    assert {each.json()["by"] for each in answers} == {"other"}


async def test_a_query_refused_with_503_is_asked_of_another_instance(edge: Edge, other: Upstream) -> None:
    async def busy(_: Received) -> Answer:
        return Answer(503)

    with edge.library.behaving(busy):
        answers = await many(edge, "GET", "/books")
    assert {each.status_code for each in answers} == {200}


async def test_an_unkeyed_command_is_not_sent_twice(edge: Edge, other: Upstream) -> None:
    edge.library.received.clear()
    answers = await many(edge, "POST", "/books")
    sent = len(edge.library.received) + len(other.received)
    assert (sent, {each.status_code for each in answers}) == (8, {200, 503})


async def test_a_command_that_broke_off_is_a_problem_503(edge: Edge, other: Upstream) -> None:
    failed = next(each for each in await many(edge, "POST", "/books") if each.status_code != 200)
    assert (failed.json()["code"], failed.headers["retry-after"]) == ("unavailable", "1")


async def test_a_command_with_a_key_is_sent_again_with_the_same_key(edge: Edge, other: Upstream) -> None:
    answers = await many(edge, "POST", "/books", **{"idempotency-key": "k-1"})
    assert {each.status_code for each in answers} == {200}
    assert {each.headers["idempotency-key"] for each in other.received} == {"k-1"}


async def test_a_command_that_was_never_sent_is_sent_elsewhere(edge: Edge, other: Upstream) -> None:
    async with Upstream("gone") as gone:
        instances = [gone.instance("library"), other.instance("library")]
    await edge.envoy.apply({"auth": [edge.auth.instance("auth")], "library": instances})
    assert {each.status_code for each in await many(edge, "POST", "/books")} == {200}


async def test_an_instance_that_fails_again_and_again_is_left_alone_for_a_while(edge: Edge, other: Upstream) -> None:
    for _ in range(5):
        await many(edge, "GET", "/books")
    edge.library.received.clear()
    await many(edge, "GET", "/books")
    assert edge.library.received == []
