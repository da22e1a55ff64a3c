"""A service instance that fails: what is tried again elsewhere, and what must not be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from tests.integration.gateway.edge import Edge, bearer, token
from tests.integration.gateway.upstream import Answer, Received, Upstream, broken

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Pair:
    """Two instances of `library`, unknown to the gateway so far: one breaks its connections, one is well."""

    edge: Edge
    faulty: Upstream
    well: Upstream

    async def ask(self, method: str, path: str, **headers: str) -> list[httpx.Response]:
        """Ask often enough that both are drawn."""
        sent = bearer(token(roles=("librarian",))) | headers
        return [await self.edge.http.request(method, path, headers=sent) for _ in range(24)]


@pytest_asyncio.fixture(loop_scope="module")
async def pair(edge: Edge) -> AsyncIterator[Pair]:
    async with Upstream("faulty", broken) as faulty, Upstream("well") as well:
        instances = [faulty.instance("library"), well.instance("library")]
        await edge.envoy.apply({"auth": [edge.auth.instance("auth")], "library": instances})
        yield Pair(edge, faulty, well)


def codes(answers: list[httpx.Response]) -> set[int]:
    return {each.status_code for each in answers}


async def test_a_query_that_breaks_off_is_asked_of_another_instance(pair: Pair) -> None:
    answers = await pair.ask("GET", "/books")
    assert {each.json()["by"] for each in answers} == {"well"}
    assert pair.faulty.received


async def test_a_query_refused_with_503_is_asked_of_another_instance(pair: Pair) -> None:
    async def busy(_: Received) -> Answer:
        return Answer(503)

    with pair.faulty.behaving(busy):
        assert codes(await pair.ask("GET", "/books")) == {200}
    assert pair.faulty.received


async def test_an_unkeyed_command_is_not_sent_twice(pair: Pair) -> None:
    answers = await pair.ask("POST", "/books")
    assert codes(answers) == {200, 503}
    assert len(pair.faulty.received) + len(pair.well.received) == len(answers)


async def test_a_command_that_broke_off_is_a_problem_503(pair: Pair) -> None:
    failed = [each for each in await pair.ask("DELETE", "/books/1") if each.status_code != 200]
    assert (failed[0].json()["code"], failed[0].headers["retry-after"]) == ("unavailable", "1")


async def test_a_command_with_a_key_is_sent_again_with_the_same_key(pair: Pair) -> None:
    assert codes(await pair.ask("POST", "/books", **{"idempotency-key": "k-1"})) == {200}
    assert {each.headers["idempotency-key"] for each in pair.faulty.received + pair.well.received} == {"k-1"}
    assert pair.faulty.received


async def test_a_command_that_was_never_sent_is_sent_elsewhere(pair: Pair) -> None:
    async with Upstream("gone") as gone:
        instances = [gone.instance("library"), pair.well.instance("library")]
    await pair.edge.envoy.apply({"auth": [pair.edge.auth.instance("auth")], "library": instances})
    assert codes(await pair.ask("POST", "/books")) == {200}


async def test_an_instance_that_fails_five_times_in_a_row_is_left_alone_for_a_while(pair: Pair) -> None:
    for _ in range(3):
        await pair.ask("GET", "/books")
    assert 5 <= len(pair.faulty.received) <= 8
